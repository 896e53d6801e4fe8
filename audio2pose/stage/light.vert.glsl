// One quad of shadow, glow or trail. Ends: x, y, radius in pixels. Kind: which (quads.py), reach of the glow in pixels.
uniform vec4 u_size;
attribute vec2 a_corner;
attribute vec3 a_from;
attribute vec3 a_to;
attribute vec4 a_colour;
attribute vec2 a_kind;
varying vec2 v_at;
varying vec3 v_from;
varying vec3 v_to;
varying vec4 v_colour;
varying vec2 v_kind;

void main() {
    v_at = a_corner; v_from = a_from; v_to = a_to; v_colour = a_colour; v_kind = a_kind;
    gl_Position = vec4((2.0 * a_corner / u_size.xy - 1.0) * vec2(1.0, u_size.z), 0.0, 1.0);
}
