// One vertex of a set, already in pixels; columns as in light.vert.glsl.
uniform vec4 u_size;
attribute vec2 a_corner;
attribute vec2 a_light;
attribute vec4 a_colour;
varying vec2 v_light;
varying vec4 v_colour;
varying float v_grain;

void main() {
    v_light = a_light;
    v_colour = a_colour;
    // Steps of the plastic number's powers fill the unit interval evenly along both axes.
    v_grain = dot(a_corner, vec2(0.7548777, 0.5698403)) + 4096.0;
    gl_Position = vec4((2.0 * a_corner / u_size.xy - 1.0) * vec2(1.0, u_size.z), 0.0, 1.0);
}
