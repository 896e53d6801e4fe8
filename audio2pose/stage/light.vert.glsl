// One vertex of shadow, glow or trail, already in pixels. Light: 1 in the middle to 0 at the edge; 0 falls off like glow,
// 1 like a shadow. Colour: premultiplied, its alpha 0 where light is added.
uniform vec4 u_size;
attribute vec2 a_corner;
attribute vec2 a_light;
attribute vec4 a_colour;
varying vec2 v_light;
varying vec4 v_colour;

void main() {
    v_light = a_light;
    v_colour = a_colour;
    gl_Position = vec4((2.0 * a_corner / u_size.xy - 1.0) * vec2(1.0, u_size.z), 0.0, 1.0);
}
