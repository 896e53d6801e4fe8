// A grain of one step of 8 bits: slow gradients would band on a projector.
varying vec3 v_colour;

void main() {
    float grain = fract(52.9829189 * fract(dot(gl_FragCoord.xy, vec2(0.06711056, 0.00583715)))) - 0.5;
    gl_FragColor = vec4(v_colour + grain / 255.0, 1.0);
}
