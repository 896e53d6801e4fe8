// One corner of the HUD, already in pixels. u_size: width, height, +1 upright or -1 top row first.
uniform vec3 u_size;
attribute vec2 a_corner;
attribute vec2 a_cut;
attribute vec4 a_colour;
varying vec2 v_cut;
varying vec4 v_colour;

void main() {
    v_cut = a_cut;
    v_colour = a_colour;
    gl_Position = vec4((2.0 * a_corner / u_size.xy - 1.0) * vec2(1.0, u_size.z), 0.0, 1.0);
}
