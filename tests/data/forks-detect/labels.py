"""labels.py JSON - makes images/ from the pictures that JSON names, with label files near most of its boxes."""
import json, os, shutil, sys
os.makedirs('images', exist_ok=True)
clip = lambda v: min(max(v, .001), .999)
for r in json.load(open(sys.argv[1])):
    name = os.path.basename(r['filename'])[:-4]
    shutil.copy(r['filename'], 'images/')
    with open(f'images/{name}.txt', 'w') as file:
        for k, o in enumerate(r['objects']):
            c = o['relative_coordinates']
            if k % 3 == 1:
                continue
            print(o['class_id'] ^ (k % 5 == 3), *('%.4f' % clip(v) for v in
                  (c['center_x'] + .004 * (k % 3), c['center_y'] - .003, c['width'] * (1 + .06 * (k % 4)), c['height'] * .97)), file=file)
