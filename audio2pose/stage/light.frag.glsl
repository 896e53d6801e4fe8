// What surrounds the figure, premultiplied. Kept apart from the figure and cheap: it covers most of the picture.
// u_size.w: 0 adds light to a dark ground, 1 tints a light one.
uniform vec4 u_size;
varying vec2 v_at;
varying vec3 v_from;
varying vec3 v_to;
varying vec4 v_colour;
varying vec2 v_kind;

void main() {
    vec2 pa = v_at - v_from.xy, ba = v_to.xy - v_from.xy;
    float h = clamp(dot(pa, ba) / max(dot(ba, ba), 1e-3), 0.0, 1.0);
    float far = max(length(pa - ba * h) - mix(v_from.z, v_to.z, h), 0.0) / v_kind.y;
    float left = max(1.0 - far, 0.0);
    float glow = left * left * left;
    vec2 q = pa / v_to.xy;                              // of a shadow, v_to holds the ellipse's half axes
    float calm = max(1.0 - dot(q, q), 0.0);
    float across = 1.0 - v_to.z * v_to.z;               // of a trail, v_to.z is the place across, -1..1
    float a = v_colour.a * (v_kind.x < 0.5 ? glow : v_kind.x < 1.5 ? calm * calm : across * across);
    float opaque = v_kind.x > 0.5 && v_kind.x < 1.5 ? 1.0 : u_size.w;
    gl_FragColor = vec4(v_colour.rgb * a, opaque * a);
}
