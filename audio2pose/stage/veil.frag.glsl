// One colour over everything, premultiplied.
uniform vec4 u_colour;

void main() {
    gl_FragColor = u_colour;
}
