// The body as distance fields: tapered capsules, and smoothly joined masses for trunk and feet, lit by a key and a rim light.
// Colours leave premultiplied. A GPU made of processor cores runs both branches for every pixel: keep quads tight.
uniform vec3 u_rim;        // colour of the light from behind
uniform vec4 u_edge;       // colour and strength of the dark line that lifts a limb off what it crosses
varying vec2 v_at;
varying vec4 v_ball0, v_ball1, v_ball2, v_ball3, v_ball4, v_ball5, v_colour0, v_colour1;
varying vec2 v_kind;

// Place along the axis (not clamped), signed distance, and the surface normal's x and y.
vec4 capsule(vec4 a, vec4 b, float bulge) {
    vec2 pa = v_at - a.xy, ba = b.xy - a.xy;
    float along = dot(pa, ba) / max(dot(ba, ba), 1e-3);
    float h = clamp(along, 0.0, 1.0);
    float radius = mix(a.w, b.w, h) + bulge * 6.75 * h * (1.0 - h) * (1.0 - h);
    vec2 off = pa - ba * h;
    // Balls carry in z how round their end is lit: 0 as a tube that goes on, 1 as a ball.
    vec2 axis = ba * inversesqrt(max(dot(ba, ba), 1e-3));
    float over = dot(off, axis);
    vec2 n = off - axis * over * (1.0 - mix(a.z, b.z, step(0.5, along)));
    return vec4(along, length(off) - radius, n / radius);
}

// xy normal, z distance: eight capsules between six balls, blended so that no seam shows.
vec3 mass() {
    float k = 0.16 * v_ball2.w;
    vec4 c; float w, sum = 0.0; vec2 n = vec2(0.0);
    #define JOIN(A, B) c = capsule(A, B, 0.0); w = exp2(clamp(-c.y / k, -40.0, 40.0)); sum += w; n += w * c.zw;
    JOIN(v_ball0, v_ball2) JOIN(v_ball1, v_ball2) JOIN(v_ball0, v_ball3) JOIN(v_ball1, v_ball3)
    JOIN(v_ball2, v_ball3) JOIN(v_ball3, v_ball4) JOIN(v_ball3, v_ball5) JOIN(v_ball4, v_ball5)
    float d = -k * log2(sum);
    // The blend lies outside of its parts, where their normals are longer than 1: ease them, and turn only at the edge.
    float steep = clamp(1.0 + d / (0.45 * v_ball3.w), 0.0, 1.0);
    return vec3(normalize(n + 1e-5) * max(min(0.78 * length(n) / sum, 0.9), steep * steep * steep), d);
}

vec3 lit(vec3 base, vec2 nxy) {
    float flat2 = min(dot(nxy, nxy), 0.93);             // the very edge would be a line of single bright pixels
    vec3 n = vec3(nxy, sqrt(1.0 - flat2));
    float key = dot(n, vec3(-0.46, 0.62, 0.63));
    float soft = 0.5 + 0.5 * key;
    float rim = (1.0 - n.z) * (1.0 - n.z) * smoothstep(-0.35, 0.9, dot(n.xy, vec2(0.80, 0.60)));
    float shine = pow(max(dot(n, vec3(-0.25, 0.36, 0.90)), 0.0), 28.0);
    return base * (0.22 + 0.92 * soft * soft) + u_rim * (1.25 * rim + 0.14 * shine);
}

void main() {
    float soft = v_kind.y, d, h, side;
    vec2 n;
    if (v_kind.x > 0.5) {
        vec3 t = mass();
        d = t.z; h = 0.0;
        // Below, the trunk goes on into the thighs: no shade and no line there, or it looks like a garment.
        n = vec2(t.x, max(t.y, 0.30 * t.y));
        side = 0.6 * smoothstep(-0.45, 0.05, t.y);
    } else {
        vec4 c = capsule(v_ball0, v_ball1, v_colour1.a);
        n = c.zw; d = c.y; h = clamp(c.x, 0.0, 1.0);
        side = smoothstep(-0.05, 0.15, c.x) * smoothstep(1.05, 0.9, c.x) * (1.0 - v_ball0.z * v_ball1.z);
    }
    float cover = smoothstep(soft, -soft, d) * v_colour0.a;
    float line = u_edge.a * v_colour0.a * side * smoothstep(0.24 * v_ball1.w + 1.0, 0.0, d);
    vec4 part = vec4(lit(mix(v_colour0.rgb, v_colour1.rgb, h), n), 1.0) * cover;
    gl_FragColor = part + vec4(u_edge.rgb, 1.0) * line * (1.0 - cover);
}
