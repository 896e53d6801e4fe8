// The body as distance fields: tapered capsules, and smoothly joined masses for trunk and feet, lit by a key and a rim light.
// Colours leave premultiplied. A GPU made of processor cores skips no branch, but it does leave a loop: a limb goes round
// once, a mass up to eight times. Keep quads tight.
#ifdef GL_EXT_gpu_shader4
#extension GL_EXT_gpu_shader4 : enable
#define SAME flat varying
#else
#define SAME varying
#endif
uniform vec4 u_rim;        // colour of the light from behind, and where on the edge it begins
uniform float u_most;      // brightest that a colour may be: 1 where the picture is laid over another
uniform vec4 u_edge;       // colour and strength of the dark line that lifts a limb off what it crosses
varying vec2 v_at;
SAME vec4 v_ball0, v_ball1, v_ball2, v_ball3, v_ball4, v_ball5, v_colour0, v_colour1;
SAME vec2 v_kind;

vec3 lit(vec3 base, vec2 nxy) {
    float flat2 = min(dot(nxy, nxy), 0.93);             // the very edge would be a line of single bright pixels
    vec3 n = vec3(nxy, sqrt(1.0 - flat2));
    float key = dot(n, vec3(-0.46, 0.62, 0.63));
    float soft = 0.5 + 0.5 * key;
    float rim = (1.0 - n.z) * (1.0 - n.z) * smoothstep(u_rim.a, 0.9, dot(n.xy, vec2(0.80, 0.60)));
    float shine = max(dot(n, vec3(-0.25, 0.36, 0.90)), 0.0);
    shine *= shine; shine *= shine; shine *= shine; shine *= shine; shine *= shine;
    return min(base * (0.22 + 0.92 * soft * soft) + u_rim.rgb * (1.25 * rim + 0.14 * shine), vec3(u_most));
}

void main() {
    float soft = v_kind.y, k = 0.16 * v_ball0.w, over_k = -1.0 / k, sum = 0.0, i = 0.0;
    float along, h, radius, far;
    vec2 ba, off, n = vec2(0.0);
    vec3 a = v_ball0.xyw, b = v_ball1.xyw;
    // A mass is one way through its balls along all eight edges: 0 1 2 3 0 2 4 5 2, blended so that no seam shows.
    do {
        vec2 pa = v_at - a.xy;
        ba = b.xy - a.xy;
        along = dot(pa, ba) / max(dot(ba, ba), 1e-3);
        h = clamp(along, 0.0, 1.0);
        radius = mix(a.z, b.z, h);
        off = pa - ba * h;
        far = length(off);
        float w = exp2(clamp((far - radius) * over_k, -40.0, 40.0));
        sum += w;
        n += (w / radius) * off;
        i += 1.0;
        a = b;
        b = i == 2.0 ? v_ball3.xyw : i == 3.0 ? v_ball0.xyw : i == 5.0 ? v_ball4.xyw : i == 6.0 ? v_ball5.xyw : v_ball2.xyw;
    } while (i < v_kind.x);
    bool mass = v_kind.x > 1.0;
    float side;
    float d = -k * log2(sum);
    // The blend lies outside of its parts, where their normals are longer than 1: ease them, and turn only at the edge.
    float steep = clamp(1.0 + d / (0.45 * v_ball2.w), 0.0, 1.0), long_ = length(n) / sum;
    n *= max(min(0.78 * long_, 0.9), steep * steep * steep) / max(long_ * sum, 1e-5);
    side = 0.6 * smoothstep(-0.45, 0.05, n.y);
    // Below, the trunk goes on into the thighs: no shade and no line there, or it looks like a garment.
    n.y = max(n.y, 0.30 * n.y);
    if (!mass) {
        // Balls of a limb carry in z how round their end is lit: 0 as a tube that goes on, 1 as a ball. along - h is how far
        // beyond an end we are.
        radius += 6.75 * v_colour1.a * h * (1.0 - h) * (1.0 - h);
        n = (off - ba * ((along - h) * (1.0 - (along < 0.5 ? v_ball0.z : v_ball1.z)))) / radius;
        d = far - radius;
        side = smoothstep(-0.05, 0.15, along) * smoothstep(1.05, 0.9, along) * (1.0 - v_ball0.z * v_ball1.z);
    }
    float cover = smoothstep(soft, -soft, d) * v_colour0.a;
    float line = u_edge.a * v_colour0.a * side * smoothstep(0.24 * v_ball1.w + 1.0, 0.0, d);
    vec4 part = vec4(lit(mix(v_colour0.rgb, v_colour1.rgb, mass ? 0.0 : h), n), 1.0) * cover;
    gl_FragColor = part + vec4(u_edge.rgb, 1.0) * line * (1.0 - cover);
}
