// One quad of the figure, its corners already in pixels. u_size: width, height, +1 upright or -1 top row first.
// Balls: x, y, how round the end is lit, radius in pixels. Colours: rgb and opacity; rgb and bulge in pixels.
// Kind: capsules of which it is made, 1 to 8; softness of the edge in pixels. vispy reads one declaration a line.
// What is the same in the whole quad need not be worked out for each pixel, where the driver knows the word for it.
#ifdef GL_EXT_gpu_shader4
#extension GL_EXT_gpu_shader4 : enable
#define SAME flat varying
#else
#define SAME varying
#endif
uniform vec4 u_size;
attribute vec2 a_corner;
attribute vec4 a_ball0;
attribute vec4 a_ball1;
attribute vec4 a_ball2;
attribute vec4 a_ball3;
attribute vec4 a_ball4;
attribute vec4 a_ball5;
attribute vec4 a_colour0;
attribute vec4 a_colour1;
attribute vec2 a_kind;
varying vec2 v_at;
SAME vec4 v_ball0, v_ball1, v_ball2, v_ball3, v_ball4, v_ball5, v_colour0, v_colour1;
SAME vec2 v_kind;

void main() {
    v_at = a_corner;
    v_ball0 = a_ball0; v_ball1 = a_ball1; v_ball2 = a_ball2;
    v_ball3 = a_ball3; v_ball4 = a_ball4; v_ball5 = a_ball5;
    v_colour0 = a_colour0; v_colour1 = a_colour1;
    v_kind = a_kind;
    gl_Position = vec4((2.0 * a_corner / u_size.xy - 1.0) * vec2(1.0, u_size.z), 0.0, 1.0);
}
