/* operations.c - operation counts, for profiles of devices that are not at hand. See operations.h. */
#include "layers/operations.h"

static double recurrent(const layer *l)
{
    const layer *const parts[] = {l->input_layer, l->self_layer, l->output_layer, l->uz, l->wz, l->ur,
                                  l->wr,          l->uh,         l->wh,           l->uf, l->wf, l->ui,
                                  l->wi,          l->ug,         l->wg,           l->uo, l->wo};
    double sum = 0;
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
        if (parts[k] != NULL) sum += dk_operations(parts[k]);
    return sum;
}

double dk_operations(const layer *l)
{
    const double outputs = l->outputs,
                 normalize = l->batch_normalize ? 4 : 1; /* mean, variance, scale, bias */
    switch (l->type) {
    case CONVOLUTIONAL:
        return 2. * l->nweights * l->out_h * l->out_w + normalize * outputs;
    case DECONVOLUTIONAL:
        return 2. * l->nweights * l->h * l->w + normalize * outputs;
    case CONNECTED:
        return 2. * l->inputs * outputs + normalize * outputs;
    case LOCAL:
        return 2. * l->size * l->size * l->c * outputs + outputs;
    case MAXPOOL:
        return outputs * l->size * l->size;
    case AVGPOOL:
    case UPSAMPLE:
        return l->inputs > l->outputs ? l->inputs : l->outputs;
    case BATCHNORM:
        return 4. * outputs;
    case RNN:
    case CRNN:
    case GRU:
    case LSTM:
        return recurrent(l) * (l->steps > 0 ? l->steps : 1);
    default:
        return outputs;
    }
}

double dk_backward_ratio(const layer *l)
{
    switch (l->type) {
    case CONVOLUTIONAL:
    case DECONVOLUTIONAL:
    case CONNECTED:
    case LOCAL:
    case RNN:
    case CRNN:
    case GRU:
    case LSTM:
        return 2;
    default:
        return 1;
    }
}
