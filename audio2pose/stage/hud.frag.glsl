// A letter, dot or box in one premultiplied colour.
uniform sampler2D u_atlas;
varying vec2 v_cut;
varying vec4 v_colour;

void main() {
    gl_FragColor = v_colour * texture2D(u_atlas, v_cut).r;
}
