"""weights.py FILE - writes weights for net.cfg, the same everywhere: a congruential generator, scaled as for ReLU."""
import array, struct, sys
state = 12345
def draw():
    global state
    state = (state * 1103515245 + 12345) % 2**31
    return state / 2**30 - 1
with open(sys.argv[1], 'wb') as out:
    out.write(struct.pack('<iiiQ', 0, 2, 5, 0))
    for n, c, size, head in ((8, 3, 3, 0), (16, 8, 3, 0), (16, 16, 3, 0), (16, 8, 3, 0), (21, 16, 1, 1), (21, 32, 1, 1)):
        scale = (6 / (c * size * size)) ** .5 * (2.2 if head else 1)
        array.array('f', [(-1.5 if k % 7 == 4 else 0) + .3 * draw() if head else .1 * draw() for k in range(n)]).tofile(out)
        array.array('f', [scale * draw() for _ in range(n * c * size * size)]).tofile(out)
