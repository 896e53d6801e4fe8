// What stands behind the dancers. Of light l left from the middle, a glow is l^3, what is round (1 - r^2)^2 with r = 1 - l;
// a shape of one light is as its vertices say. A grain of one step of 8 bits: slow gradients would band on a projector.
varying vec2 v_light;
varying vec4 v_colour;
varying float v_grain;

void main() {
    float l = v_light.x, to_rim = 2.0 - l;
    gl_FragColor = v_colour * (l * l * mix(l, to_rim * to_rim, v_light.y)) + vec4(vec3((fract(v_grain) - 0.5) / 255.0), 0.0);
}
