"""film.py - a short film per domain: a camera pans over a test photograph, garments drift through and bounce off the edges."""
import numpy as np

import domains
import scene

THINGS = 3
SPEED = 2.4  # pixels per frame, at most


class Film:
    """frames() yields (picture, [(thing, x, y)]) per frame."""

    def __init__(self, rng, domain, garments, photos, indices):
        self.rng, self.domain = rng, domain
        self.angle = domains.angle(rng, domain)
        self.photo = max(photos.parts, key=lambda photo: photo.shape[1])
        things = [scene.Thing(rng, garments, index, self.angle) for index in indices[:THINGS]]
        self.placed = scene.places(rng, things)
        self.speed = rng.uniform(SPEED / 3, SPEED, (len(self.placed), 2)) * rng.choice([-1, 1], (len(self.placed), 2))

    def frames(self, n):
        h, w = self.photo.shape[:2]
        at = np.array([[x, y] for _, x, y in self.placed], float)
        room = np.array([[scene.SIZE - t.w, scene.SIZE - t.h] for t, _, _ in self.placed], float)
        for k in range(n):
            picture = scene.view(self.photo, (w - scene.SIZE) * k / n, (h - scene.SIZE) / 2, self.angle)
            now = [(t, int(x), int(y)) for (t, _, _), (x, y) in zip(self.placed, at)]
            for t, x, y in now:
                t.draw(picture, x, y)
            yield domains.seen(self.rng, self.domain, picture), now
            at += self.speed
            out = (at < 0) | (at > room)
            self.speed[out] *= -1
            at = np.clip(at, 0, room)
