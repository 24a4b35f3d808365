/* weights.c - Darknet's .weights format: three ints (0, 2, 0), seen as 64 bits,
 * then the saved tensors as floats, in the byte order of the machine (the
 * format has no other; every machine that Darknet runs on is little-endian). */
#include "base/error.h"
#include "base/file.h"
#include "model/average.h"
#include "model/finite.h"

void dc__model_write(const dc_model *model, const float *arena, const float *average, uint64_t seen,
                     dc__file *file)
{
    const int32_t version[3] = {0, 2, 0};
    bool ok = dc__file_write(file, version, sizeof version) && dc__file_write(file, &seen, sizeof seen);
    for (int i = 0; ok && i < model->n_tensors; i++) {
        const dc__arena_tensor *tensor = &model->tensors[i];
        const float *value = arena ? arena + tensor->offset : tensor->t.value;
        if (average && tensor->t.averaged) value = average + tensor->offset;
        if (tensor->t.saved) ok = dc__file_write(file, value, tensor->t.count * sizeof(float));
    }
}

static dc_error save(const dc_model *model, const float *arena, const float *average, const char *path,
                     uint64_t seen)
{
    dc__file file;
    const dc_error err = dc__file_begin(&file, path);
    if (err) return err;
    dc__model_write(model, arena, average, seen, &file);
    return dc__file_commit(&file);
}

dc_error dc_model_save(const dc_model *model, const char *path, uint64_t seen)
{
    if (dc__finite_model(model, "a value")) {
        char why[DC__LINE_BYTES];
        (void)snprintf(why, sizeof why, "%s", dc_last_error());
        return dc__fail(DC_EVALUE, "%.200s is not written: %.200s; what was there before is untouched", path,
                        why);
    }
    return save(model, NULL, NULL, path, seen);
}

dc_error dc__model_save_with(const dc_model *model, const float *arena, const float *average,
                             const char *path, uint64_t seen)
{
    return save(model, arena, average, path, seen);
}

dc_error dc__model_save_arena(const dc_model *model, const float *arena, const char *path, uint64_t seen)
{
    return save(model, arena, NULL, path, seen);
}
