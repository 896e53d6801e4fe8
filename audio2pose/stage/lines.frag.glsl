uniform vec4 u_size;
uniform vec4 u_beat;
uniform vec3 u_line;
uniform vec3 u_accent;
varying vec3 v_line;

void main() {
    float thick = 0.5 * max(1.0, u_size.y / 720.0);
    float a = v_line.y * clamp(thick + 0.5 - abs(v_line.x), 0.0, 1.0) * (0.55 + 0.45 * u_beat.y);
    float w = v_line.z * (0.10 + 0.45 * u_beat.z);
    gl_FragColor = vec4(u_line * a + u_accent * w, u_size.w * (a + w));
}
