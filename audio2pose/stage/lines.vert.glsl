// Rings, spokes and the wave of the beat, laid on the floor and widened on the screen.
// a_place: radius in metres (of the wave: behind its front), angle, place across -1..1, opacity.
// a_along: 0 a ring, 1 a spoke, 2 the wave.
uniform mat4 u_lens;
uniform vec4 u_size;
uniform vec4 u_beat;
uniform vec3 u_centre;
attribute vec4 a_place;
attribute float a_along;
varying vec3 v_line;   // place across in pixels, opacity of line, opacity of wave

vec3 seen(vec2 floor_m) {
    vec3 from = vec3(floor_m.x, 0.0, floor_m.y) - u_lens[0].xyz;
    vec3 right = vec3(u_lens[0].w, u_lens[1].xy), up = vec3(u_lens[1].zw, u_lens[2].x);
    return vec3(u_lens[3].x * dot(from, right), u_lens[3].x * dot(from, up), -dot(from, u_lens[2].yzw));
}

void main() {
    bool wave = a_along > 1.5;
    // The wave grows narrow on its way, and is left out when it can no longer be seen: there it would cover half the floor.
    float front = 0.4 + 2.8 * u_beat.x - (1.0 - 0.5 * u_beat.x) * a_place.x;
    float r = wave ? max(front, 0.0) * step(u_beat.x, 0.88) : a_place.x;
    vec2 out_ = vec2(cos(a_place.y), sin(a_place.y));
    vec2 along = a_along > 0.5 ? out_ : vec2(-out_.y, out_.x);
    // The wave starts from below the dancers; rings and spokes stay where the stage is.
    vec2 at = r * out_ + (wave ? u_centre.xz : vec2(0.0));
    vec3 here = seen(at), there = seen(at + 0.02 * along);
    vec2 way = there.xy / max(there.z, 0.05) - here.xy / max(here.z, 0.05);
    vec2 side = vec2(-way.y, way.x) * inversesqrt(max(dot(way, way), 1e-8));
    float thick = 0.5 * max(1.0, u_size.y / 720.0);
    vec2 px = wave ? vec2(0.0) : side * a_place.z * (thick + 0.5);
    // Far away the rings would run together into a shimmer.
    float fade = exp(-r * r / 14.0) * a_place.w;
    v_line = vec3(a_place.z * (thick + 0.5), wave ? 0.0 : fade, wave ? fade * (1.0 - u_beat.x) * (1.0 - u_beat.x) : 0.0);
    vec2 ndc = (here.xy + px * here.z) * 2.0 / u_size.xy * vec2(1.0, u_size.z);
    gl_Position = vec4(ndc, 0.0, here.z);
}
