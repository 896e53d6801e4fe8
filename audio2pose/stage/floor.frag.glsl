// A gradient, and below the horizon a floor of rings and spokes that fades into it.
uniform vec3 u_top;
uniform vec3 u_bottom;
uniform vec3 u_floor;
uniform vec3 u_accent;
uniform vec3 u_eye;
uniform vec3 u_centre;
uniform vec4 u_beat;       // phase 0..1, pulse 0..1, energy 0..1, onset 0..1
uniform vec4 u_size;
uniform float u_light;     // 1 for a palette on light ground
varying vec3 v_ray;
varying vec2 v_at;

// A line of constant width in pixels where x is whole; fades before it would shimmer.
float line(float x, float per_px, float width) {
    per_px = max(per_px, 1e-4);
    float off = abs(fract(x - 0.5) - 0.5) / per_px;
    return smoothstep(width + 0.7, width - 0.7, off) * smoothstep(0.30, 0.08, per_px);
}

// A wave that runs outwards: sharp before, long behind.
float front(float behind) {
    return smoothstep(-0.03, 0.02, behind) * exp(-max(behind, 0.0) / 0.16);
}

void main() {
    vec3 colour = mix(u_bottom, u_top, smoothstep(0.05, 0.95, v_at.y));
    float vignette = 1.0 - (1.0 - 0.75 * u_light) * 0.35 * smoothstep(0.25, 0.85, distance(v_at, vec2(0.5, 0.52)));
    vec2 from_middle = (v_at - vec2(0.5, 0.52)) * u_size.xy / min(u_size.x, u_size.y);
    float halo = exp(-dot(from_middle, from_middle) / 0.11);
    float t = -u_eye.y / min(v_ray.y, -1e-3);
    vec2 p = u_eye.xz + t * v_ray.xz;
    float r = length(p), from = distance(p, u_centre.xz);
    float fade = step(v_ray.y, -1e-3) * exp(-r * r / 14.0);
    float pool = exp(-from * from / (1.6 + 0.9 * u_beat.z));
    float strength = 0.55 + 0.45 * u_beat.y;
    float rings = line(2.0 * r, fwidth(2.0 * r), 0.55);
    // The angle jumps where it wraps around; seen from the other side it jumps elsewhere, and the smaller slope is true.
    float turn = atan(p.y, p.x) * 3.81971863;
    float spokes = line(turn, min(fwidth(turn), fwidth(atan(-p.y, -p.x) * 3.81971863)), 0.5) * smoothstep(0.45, 0.55, r);
    float wave = front(0.4 + 2.8 * u_beat.x - r) * (1.0 - u_beat.x) * (1.0 - u_beat.x);
    if (u_light > 0.5) {
        colour = mix(colour, vec3(1.0), halo * 0.55);
        colour = mix(colour, u_floor, fade * (0.55 + 0.35 * pool));
        colour = mix(colour, u_accent, fade * (0.40 * rings + 0.16 * spokes + 0.45 * wave * u_beat.z));
    } else {
        colour += u_floor * halo * (0.34 + 0.30 * u_beat.y * u_beat.z);
        colour += u_floor * fade * (0.16 + pool * (0.55 + 0.35 * u_beat.y * u_beat.z + 0.2 * u_beat.w));
        colour += mix(u_floor, u_accent, 0.45) * fade * (rings * 0.42 * strength + 0.16 * spokes);
        colour += u_accent * fade * wave * (0.10 + 0.45 * u_beat.z);
    }
    // A grain below one step of 8 bits: slow gradients would band on a projector.
    float grain = fract(sin(dot(gl_FragCoord.xy, vec2(12.9898, 78.233))) * 43758.5453) - 0.5;
    gl_FragColor = vec4(colour * vignette + grain / 255.0, 1.0);
}
