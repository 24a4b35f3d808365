/* codings.h - codings of every kind that loses something, as tests read and run them. */
#ifndef CODINGS_H
#define CODINGS_H

static const char *const codings[] = {"bf16",
                                      "int8",
                                      "topk:0.01",
                                      "topk:0.1:3",
                                      "topk:0.01/int8",
                                      "bf16/exact",
                                      "exact/int4",
                                      "topk:0.001/topk:0.25",
                                      "exact+local:2",
                                      "int3+local:2",
                                      "topk:0.1+local:2",
                                      "int8+local:2:2",
                                      "topk5:0.1:3",
                                      "topk5:0.2+local:2"};
#define CODINGS (int)(sizeof codings / sizeof *codings)

#endif
