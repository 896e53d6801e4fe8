// The whole picture as one quad; each corner knows the ray through it.
uniform vec4 u_size;
uniform vec3 u_right;
uniform vec3 u_up;
uniform vec3 u_back;
uniform float u_focal;
attribute vec2 a_corner;
varying vec3 v_ray;
varying vec2 v_at;

void main() {
    v_at = 0.5 + 0.5 * a_corner;
    vec2 px = 0.5 * a_corner * u_size.xy;
    v_ray = px.x * u_right + px.y * u_up - u_focal * u_back;
    gl_Position = vec4(a_corner * vec2(1.0, u_size.z), 0.0, 1.0);
}
