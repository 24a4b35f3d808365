"""domains.py - what an edge's camera makes of a scene. Every function takes a picture of floats, 0 to 255, [h, w, 3]."""
import cv2
import numpy as np


def clean(rng, picture):
    """Good light, a good camera."""
    return picture


def night(rng, picture):
    """A quarter to a half of the light, bluish, and the sensor's noise."""
    light = rng.uniform(0.22, 0.42) * np.array([1.25, 1.0, 0.8])
    noise = 4.5 * rng.standard_normal(picture.shape, np.float32)
    return picture * light + noise + 3 * rng.standard_normal(picture.shape[:2], np.float32)[:, :, None]


def rain(rng, picture):
    """Drops on the lens blur, mist takes contrast, streaks fall."""
    size = picture.shape[0]
    sigma = rng.uniform(0.8, 1.3)
    soft = cv2.GaussianBlur(picture, (0, 0), sigma)
    mist = rng.uniform(0.25, 0.45)
    soft = soft * (1 - mist) + np.array([190.0, 185.0, 180.0]) * mist
    streaks = np.zeros((size, size), np.float32)
    slant = rng.uniform(-0.35, 0.35)
    for _ in range(rng.integers(60, 110)):
        x, y, length = rng.uniform(-20, size + 20), rng.uniform(-20, size), rng.uniform(14, 40)
        end = (int(x + slant * length), int(y + length))
        cv2.line(streaks, (int(x), int(y)), end, float(rng.uniform(0.3, 0.9)), int(rng.integers(1, 3)), cv2.LINE_AA)
    streaks = cv2.GaussianBlur(streaks, (0, 0), 0.7)[:, :, None]
    return soft * (1 - 0.6 * streaks) + 255 * 0.6 * streaks


def tilt(rng, picture):
    """A cheap sensor: channels leak into each other, a colour cast, flat blacks. (How it hangs: angle().)"""
    leak = np.array([[0.50, 0.40, 0.10], [0.10, 0.55, 0.35], [0.45, 0.10, 0.45]], np.float32)
    cast = np.array([1.1, 0.75, 1.0], np.float32) * rng.uniform(0.75, 1.0)
    return picture @ leak.T * cast * 0.85 + np.array([35, 10, 25], np.float32)


DOMAINS = {'clean': clean, 'night': night, 'rain': rain, 'tilt': tilt}
EDGES = ['night', 'rain', 'tilt']


def angle(rng, domain):
    """How far the camera of a domain is turned for one picture, degrees: it hangs crooked, and sways."""
    return rng.normal(15, 3) if domain == 'tilt' else 0.0


def seen(rng, domain, picture):
    """The picture as this domain's camera delivers it, [h, w, 3] bytes."""
    return np.clip(DOMAINS[domain](rng, picture), 0, 255).astype(np.uint8)
