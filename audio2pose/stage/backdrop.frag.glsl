// A grain of one step of 8 bits: slow gradients would band on a projector.
varying vec3 v_colour;
varying float v_grain;

void main() {
    gl_FragColor = vec4(v_colour + (fract(v_grain) - 0.5) / 255.0, 1.0);
}
