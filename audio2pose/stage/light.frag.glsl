// What surrounds the figure: shapes are in the mesh, so that a pixel costs next to nothing. Of light l left from the middle,
// glow is l^3; shadows and trails are (1 - r^2)^2 with r = 1 - l.
varying vec2 v_light;
varying vec4 v_colour;

void main() {
    float l = v_light.x, to_rim = 2.0 - l;
    gl_FragColor = v_colour * (l * l * mix(l, to_rim * to_rim, v_light.y));
}
