/* curves_tile.h - activations that need an exponential, on short vectors: included where V (DK_B floats), VI
 * (as many ints) and DK_NAME are defined. All by pointer: vectors do not pass by value on every x86-64. */

#define SELECT(m, a, b) ((V)(((VI)(a) & (m)) | ((VI)(b) & ~(m))))

/* x <- e^x, within 2 units in the last place for x in [-87, 88], to which it is bounded. Range reduction by
 * ln 2 in two parts, then a polynomial of degree 6 (Cody, Waite, "Software manual for the elementary
 * functions", 1980). */
DK_INLINE void DK_NAME(exp_)(V *x)
{
    const V most = {0}, zero = {0};
    const VI high = *x > most + 88.f, low = *x < zero - 87.f;
    V v = SELECT(high, zero + 88.f, *x);
    v = SELECT(low, zero - 87.f, v);
    const V shift = zero + 12582912.f; /* 1.5 x 2^23: adding it rounds to whole numbers */
    const V n = (v * 1.44269504f + shift) - shift;
    const V r = (v - n * .693359375f) + n * 2.12194440e-4f;
    V p = zero + 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.f;
    const VI exponent = (__builtin_convertvector(n, VI) + 127) << 23;
    *x = SELECT(*x == *x, p * (V)exponent, *x); /* what is no number stays none */
}

/* What mish and its slope share, with e = e^x and n = e (e + 2): tanh(log(1 + e^x)) = n / (n + 2). */
DK_INLINE void DK_NAME(mish_parts_)(const V *x, V *e, V *n)
{
    const V bound = {0};
    const VI large = *x > bound + 20.f;
    *e = SELECT(large, bound + 20.f, *x);
    DK_NAME(exp_)(e);
    *n = *e * (*e + 2.f);
}

DK_INLINE void DK_NAME(mish_)(V *x)
{
    V e, n;
    DK_NAME(mish_parts_)(x, &e, &n);
    *x = *x * (n / (n + 2.f));
}

DK_INLINE void DK_NAME(mish_slope_)(const V *x, V *slope)
{
    V e, n;
    DK_NAME(mish_parts_)(x, &e, &n);
    const V d = n + 2.f, t = n / d;
    *slope = t + *x * (4.f * (e / d) * ((e + 1.f) / d));
}

DK_INLINE void DK_NAME(logistic_)(V *x)
{
    V e = -*x;
    DK_NAME(exp_)(&e);
    *x = 1.f / (1.f + e);
}

DK_INLINE void DK_NAME(swish_)(V *x)
{
    V s = *x;
    DK_NAME(logistic_)(&s);
    *x = *x * s;
}

DK_INLINE void DK_NAME(swish_slope_)(const V *x, V *slope)
{
    V s = *x;
    DK_NAME(logistic_)(&s);
    const V y = *x * s;
    *slope = y + s * (1.f - y);
}

/* tanh of the polynomial in gelu's usual approximation (Hendrycks, Gimpel, arXiv 1606.08415). */
DK_INLINE void DK_NAME(gelu_tanh_)(const V *x, V *t)
{
    V e = 2.f * (*x * (.797885f + .035677f * (*x * *x)));
    DK_NAME(exp_)(&e);
    *t = 1.f - 2.f / (e + 1.f);
}

DK_INLINE void DK_NAME(gelu_)(V *x)
{
    V t;
    DK_NAME(gelu_tanh_)(x, &t);
    *x = .5f * *x * (1.f + t);
}

DK_INLINE void DK_NAME(gelu_slope_)(const V *x, V *slope)
{
    V t;
    DK_NAME(gelu_tanh_)(x, &t);
    *slope = .5f * (1.f + t) + .5f * *x * (1.f - t * t) * (.797885f + 3 * .035677f * (*x * *x));
}

DK_INLINE void DK_NAME(hard_mish_)(V *x)
{
    const V zero = {0}, curve = *x * *x * .5f + *x;
    const VI positive = *x > zero, near = *x > zero - 2.f;
    const V low = SELECT(near, curve, zero);
    *x = SELECT(positive, *x, low);
}

DK_INLINE void DK_NAME(hard_mish_slope_)(const V *x, V *slope)
{
    const V zero = {0};
    const VI positive = *x > zero, near = *x > zero - 2.f;
    const V low = SELECT(near, *x + 1.f, zero);
    *slope = SELECT(positive, zero + 1.f, low);
}

DK_INLINE void DK_NAME(relu6_)(V *x)
{
    const V zero = {0}, six = zero + 6.f;
    const VI positive = *x > zero, large = *x > six;
    const V low = SELECT(positive, *x, *x * 0.f);
    *x = SELECT(large, six, low);
}

DK_INLINE void DK_NAME(relu6_slope_)(const V *x, V *slope)
{
    const V zero = {0};
    const VI inside = (*x > zero) & (*x < zero + 6.f);
    *slope = SELECT(inside, zero + 1.f, zero);
}

/* x <- a(x), and slope <- a'(x), for one of kernels/activation.h's
 * own a; a is a constant where it is called. */
DK_INLINE void DK_NAME(curve_)(V *x, int a)
{
    if (a == LOGISTIC) DK_NAME(logistic_)(x);
    if (a == DK_MISH) DK_NAME(mish_)(x);
    if (a == DK_SWISH) DK_NAME(swish_)(x);
    if (a == DK_HARD_MISH) DK_NAME(hard_mish_)(x);
    if (a == DK_RELU6) DK_NAME(relu6_)(x);
    if (a == DK_GELU) DK_NAME(gelu_)(x);
}

DK_INLINE void DK_NAME(curve_slope_)(const V *x, int a, V *slope)
{
    if (a == DK_MISH) DK_NAME(mish_slope_)(x, slope);
    if (a == DK_SWISH) DK_NAME(swish_slope_)(x, slope);
    if (a == DK_HARD_MISH) DK_NAME(hard_mish_slope_)(x, slope);
    if (a == DK_RELU6) DK_NAME(relu6_slope_)(x, slope);
    if (a == DK_GELU) DK_NAME(gelu_slope_)(x, slope);
}

#undef SELECT
