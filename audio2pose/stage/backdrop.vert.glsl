// The background and the floor's light, worked out at the corners of a coarse grid: all of it is smooth, and per pixel it
// would be the dearest part of the picture. u_lens: camera.py's 16 numbers. u_beat: phase, pulse, energy, onset; 0..1.
uniform mat4 u_lens;
uniform vec4 u_size;
uniform vec4 u_beat;
uniform vec3 u_centre;
uniform vec3 u_top;
uniform vec3 u_bottom;
uniform vec3 u_floor;
attribute vec2 a_corner;
varying vec3 v_colour;
varying float v_grain;

void main() {
    vec3 eye = u_lens[0].xyz, right = vec3(u_lens[0].w, u_lens[1].xy), up = vec3(u_lens[1].zw, u_lens[2].x);
    vec2 px = 0.5 * a_corner * u_size.xy;
    vec3 ray = px.x * right + px.y * up - u_lens[3].x * u_lens[2].yzw;
    // Steps of the plastic number's powers fill the unit interval evenly along both axes.
    v_grain = dot(px, vec2(0.7548777, 0.5698403)) + 4096.0;
    vec2 at = 0.5 + 0.5 * a_corner;
    vec2 from_middle = (px - vec2(0.0, 0.02 * u_size.y)) / min(u_size.x, u_size.y);
    float halo = exp(-dot(from_middle, from_middle) / 0.11);
    float t = -eye.y / min(ray.y, -1e-3);
    vec2 p = eye.xz + t * ray.xz;
    float r = length(p), from = distance(p, u_centre.xz);
    float fade = step(ray.y, -1e-3) * exp(-r * r / 14.0);
    float pool = exp(-from * from / (1.6 + 0.9 * u_beat.z));
    float kick = u_beat.y * u_beat.z;
    vec3 colour = mix(u_bottom, u_top, smoothstep(0.05, 0.95, at.y));
    if (u_size.w > 0.5) {
        colour = mix(mix(colour, vec3(1.0), 0.55 * halo), u_floor, fade * (0.55 + 0.35 * pool));
    } else {
        colour += u_floor * halo * (0.34 + 0.30 * kick);
        colour += u_floor * fade * (0.16 + pool * (0.55 + 0.35 * kick + 0.2 * u_beat.w));
    }
    v_colour = colour * (1.0 - mix(0.35, 0.09, u_size.w) * smoothstep(0.25, 0.85, distance(at, vec2(0.5, 0.52))));
    gl_Position = vec4(a_corner * vec2(1.0, u_size.z), 0.0, 1.0);
}
