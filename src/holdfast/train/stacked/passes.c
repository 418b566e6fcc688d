/* The forward and backward passes of small networks, one network after the other, so that what lies between its layers
   stays in the cache; for kernels.c. */

enum { LINEAR, ACTIVATION, LAYER_NORM, BATCH_NORM, SUM }; /* kinds of layers */
enum { IDENTITY, RELU, GELU, TANH, SILU, SIGMOID };
enum { CROSS_ENTROPY, SQUARED_ERROR };

/* What a layer gives, (batch, units): values and their gradient; from one network to the next `stride` numbers. */
typedef struct {
    REAL *values, *slopes;
    long units, stride;
} Room;

/* A layer; holdfast.train.stacked.native.Layer has the same order. It takes the values of room `from`, those of room
   `other` as well if it is a sum, and gives room `to`, which may be `from` except with linear layers. */
typedef struct {
    long kind, from, other, to;
    long first, second;    /* where in a row of parameters its weights, or gains, begin, and its biases, or -1 */
    long activation, mask; /* of an activation; the index of the mask that follows it, or -1 */
    long adds;             /* whether the gradient of its inputs is added to one that is there */
    long kept;             /* whether the gradient of its weights is left to the update, as a product */
    double epsilon;
    REAL *saved;                      /* (batch, units): slopes of an activation, normalised values of a norm */
    REAL *scale;                      /* (batch) or (units): of a norm */
    REAL *mean, *variance, *momentum; /* running ones of batch norm, (networks, units), and (networks) */
} Layer;

/* A network; holdfast.train.stacked.native.Network has the same order. Room 0 is its inputs. */
typedef struct {
    long count, size, batch, loss; /* layers, numbers of parameters, rows of a batch */
    long room_count, mask_count;
    const Layer *layers;
    const Room *rooms;
    REAL *values, *gradients; /* (networks, size) */
    REAL *panel, *spare;      /* for a panel of weights; for the gradient of a layer's inputs */
} Network;

/* The value and slope of an activation, both times a mask where there is one. */
INLINE void activate(long kind, const REAL *x, const REAL *mask, REAL *y, REAL *slopes, long count)
{
    for (long i = 0; i < count; i += LANES) {
        long some = vector_part(count, i);
        vector in = load(x + i, some), out = in, none = {0}, slope = none + 1;
        if (kind == RELU) {
            slope = choose(in <= 0, none, slope);
            out = choose(in <= 0, none, in);
        } else if (kind == GELU) {
            vector density, below = normal(in, &density);
            out = in * below;
            slope = below + in * density;
        } else if (kind == TANH) {
            out = hyperbolic_tangent(in);
            slope = 1 - out * out;
        } else if (kind == SILU) {
            vector share = logistic(in);
            out = in * share;
            slope = share * (1 + in * (1 - share));
        } else if (kind == SIGMOID) {
            out = logistic(in);
            slope = out * (1 - out);
        }
        if (mask) {
            vector kept = load(mask + i, some);
            out *= kept;
            slope *= kept;
        }
        store(y + i, out, some);
        store(slopes + i, slope, some);
    }
}

void activation(long kind, const REAL *x, const REAL *mask, REAL *y, REAL *slopes, long count)
{
    switch (kind) {
    case RELU: activate(RELU, x, mask, y, slopes, count); break;
    case GELU: activate(GELU, x, mask, y, slopes, count); break;
    case TANH: activate(TANH, x, mask, y, slopes, count); break;
    case SILU: activate(SILU, x, mask, y, slopes, count); break;
    case SIGMOID: activate(SIGMOID, x, mask, y, slopes, count); break;
    default: activate(IDENTITY, x, mask, y, slopes, count);
    }
}

/* For each column of (batch, units) the sum of g, and that of g times n where `dots` is not null. */
static void column_sums(const REAL *g, const REAL *n, long batch, long units, REAL *sums, REAL *dots)
{
    for (long i = 0; i < units; i += LANES) {
        long some = vector_part(units, i);
        vector sum = {0}, dot = {0};
        for (long row = 0; row < batch; row++) {
            vector slope = load(g + row * units + i, some);
            sum += slope;
            if (dots)
                dot += slope * load(n + row * units + i, some);
        }
        store(sums + i, sum, some);
        if (dots)
            store(dots + i, dot, some);
    }
}

/* Layer normalisation (Ba et al. 2016) over the units. */
static void layer_norm(const Layer *l, const REAL *gains, const REAL *x, REAL *y, long batch, long units)
{
    const REAL *shifts = gains + l->second - l->first;
    for (long row = 0; row < batch; row++, x += units, y += units) {
        REAL *normal = l->saved + row * units;
        vector sum = {0}, squares = {0};
        for (long i = 0; i < units; i += LANES)
            sum += load(x + i, vector_part(units, i));
        REAL mean = sum_of(sum) / units;
        for (long i = 0; i < units; i += LANES) {
            long some = vector_part(units, i);
            vector away = load(x + i, some) - mean;
            store(normal + i, away, some);
            away = load(normal + i, some); /* without what stands behind the last one */
            squares += away * away;
        }
        REAL scale = 1 / ROOT(sum_of(squares) / units + (REAL)l->epsilon);
        l->scale[row] = scale;
        for (long i = 0; i < units; i += LANES) {
            long some = vector_part(units, i);
            vector at = load(normal + i, some) * scale;
            store(normal + i, at, some);
            store(y + i, at * load(gains + i, some) + load(shifts + i, some), some);
        }
    }
}

static void layer_norm_back(const Layer *l, const REAL *gains, const REAL *g, REAL *out, long batch,
                                  long units)
{
    for (long row = 0; row < batch; row++, g += units, out += units) {
        const REAL *normal = l->saved + row * units;
        vector sum = {0}, dot = {0};
        for (long i = 0; i < units; i += LANES) {
            long some = vector_part(units, i);
            vector slope = load(g + i, some) * load(gains + i, some);
            sum += slope;
            dot += slope * load(normal + i, some);
        }
        REAL mean = sum_of(sum) / units, along = sum_of(dot) / units, scale = l->scale[row];
        for (long i = 0; i < units; i += LANES) {
            long some = vector_part(units, i);
            vector slope = load(g + i, some) * load(gains + i, some);
            store(out + i, (slope - mean - load(normal + i, some) * along) * scale, some);
        }
    }
}

/* Batch normalisation (Ioffe and Szegedy 2015) by the batch's own mean and variance, towards which the running ones
   move. */
static void batch_norm(const Layer *l, const REAL *gains, const REAL *x, REAL *y, long batch, long units,
                             long run)
{
    const REAL *shifts = gains + l->second - l->first;
    REAL *means = l->mean + run * units, *variances = l->variance + run * units, momentum = l->momentum[run];
    for (long i = 0; i < units; i += LANES) {
        long some = vector_part(units, i);
        vector mean = {0}, squares = {0}, scale = {0};
        for (long row = 0; row < batch; row++)
            mean += load(x + row * units + i, some);
        mean /= (REAL)batch;
        for (long row = 0; row < batch; row++) {
            vector away = load(x + row * units + i, some) - mean;
            squares += away * away;
        }
        vector running = load(means + i, some), moving = load(variances + i, some);
        store(means + i, running + momentum * (mean - running), some);
        store(variances + i, moving + momentum * (squares / (REAL)(batch - 1) - moving), some);
        squares = squares / (REAL)batch + (REAL)l->epsilon;
        for (long lane = 0; lane < LANES; lane++)
            scale[lane] = 1 / ROOT(squares[lane]);
        store(l->scale + i, scale, some);
        vector gain = load(gains + i, some), shift = load(shifts + i, some);
        for (long row = 0; row < batch; row++) {
            vector normal = (load(x + row * units + i, some) - mean) * scale;
            store(l->saved + row * units + i, normal, some);
            store(y + row * units + i, normal * gain + shift, some);
        }
    }
}

/* The gradient through the batch's mean and variance, too (their section 3); `shifts` and `slopes` are the gradients of
   shifts and gains. */
static void batch_norm_back(const Layer *l, const REAL *gains, const REAL *slopes, const REAL *shifts,
                                  const REAL *g, REAL *out, long batch, long units)
{
    for (long i = 0; i < units; i += LANES) {
        long some = vector_part(units, i);
        vector mean = load(shifts + i, some) / (REAL)batch, along = load(slopes + i, some) / (REAL)batch;
        vector scale = load(gains + i, some) * load(l->scale + i, some);
        for (long at = i; at < batch * units; at += units)
            store(out + at, (load(g + at, some) - mean - load(l->saved + at, some) * along) * scale,
                        some);
    }
}

static void add(REAL *x, const REAL *y, long count)
{
#pragma omp simd
    for (long i = 0; i < count; i++)
        x[i] += y[i];
}

static REAL squared_error(REAL *restrict outputs, const REAL *restrict targets, long count)
{
    REAL sum = 0, factor = (REAL)2 / count;
#pragma omp simd reduction(+ : sum)
    for (long i = 0; i < count; i++) {
        REAL error = outputs[i] - targets[i];
        sum += error * error;
        outputs[i] = error * factor;
    }
    return sum / count;
}

/* Values of all rooms from the inputs on. */
static void forward(const Network *n, const Room *rooms, const REAL *const *masks, long run)
{
    const REAL *parameters = n->values + run * n->size;
    for (const Layer *l = n->layers; l < n->layers + n->count; l++) {
        const Room *from = rooms + l->from, *to = rooms + l->to;
        const REAL *first = parameters + l->first;
        if (l->kind == LINEAR)
            multiply_turned(from->values, first, l->second < 0 ? 0 : parameters + l->second, n->batch,
                                  from->units, to->units, n->panel, to->values);
        else if (l->kind == LAYER_NORM)
            layer_norm(l, first, from->values, to->values, n->batch, to->units);
        else if (l->kind == BATCH_NORM)
            batch_norm(l, first, from->values, to->values, n->batch, to->units, run);
        else if (l->kind == SUM)
            add(to->values, rooms[l->other].values, n->batch * to->units);
        else
            activation(l->activation, from->values, l->mask < 0 ? 0 : masks[l->mask], to->values, l->saved,
                             n->batch * to->units);
    }
}

static void linear_back(const Network *n, const Layer *l, const Room *from,
                              const Room *to, const REAL *weights, REAL *gradients)
{
    if (!l->kept)
        multiply(to->slopes, 1, to->units, from->values, to->units, n->batch, from->units, n->panel,
                       gradients + l->first);
    if (l->second >= 0)
        column_sums(to->slopes, 0, n->batch, to->units, gradients + l->second, 0);
    if (!from->slopes)
        return;
    multiply(to->slopes, to->units, 1, weights, n->batch, to->units, from->units, n->panel,
                   l->adds ? n->spare : from->slopes);
    if (l->adds)
        add(from->slopes, n->spare, n->batch * from->units);
}

/* Gradients of all parameters, from that of the last room on. */
static void backward(const Network *n, const Room *rooms, long run)
{
    const REAL *parameters = n->values + run * n->size;
    REAL *gradients = n->gradients + run * n->size;
    for (const Layer *l = n->layers + n->count - 1; l >= n->layers; l--) {
        const Room *from = rooms + l->from, *to = rooms + l->to;
        long units = to->units, numbers = n->batch * units;
        if (l->kind == LINEAR) {
            linear_back(n, l, from, to, parameters + l->first, gradients);
        } else if (l->kind == SUM) {
            if (rooms[l->other].slopes)
                memcpy(rooms[l->other].slopes, to->slopes, numbers * sizeof(REAL));
        } else if (l->kind == ACTIVATION) {
            if (from->slopes)
#pragma omp simd
                for (long i = 0; i < numbers; i++)
                    from->slopes[i] = to->slopes[i] * l->saved[i];
        } else {
            REAL *gains = gradients + l->first, *shifts = gradients + l->second;
            column_sums(to->slopes, l->saved, n->batch, units, shifts, gains);
            if (from->slopes && l->kind == LAYER_NORM)
                layer_norm_back(l, parameters + l->first, to->slopes, from->slopes, n->batch, units);
            else if (from->slopes)
                batch_norm_back(l, parameters + l->first, gains, shifts, to->slopes, from->slopes, n->batch, units);
        }
    }
}

/* The losses of some networks on batches of their own, and the gradients of their parameters. `data` are the inputs,
   the targets and the masks of the first network; those of the next lie `strides` behind them. */
void learn(const Network *n, long runs, const REAL *const *data, const long *strides, REAL *losses)
{
    Room rooms[MOST_ROOMS];
    const REAL *masks[MOST_ROOMS];
    for (long run = 0; run < runs; run++) {
        for (long i = 0; i < n->room_count; i++) {
            rooms[i] = n->rooms[i];
            rooms[i].values += run * rooms[i].stride;
            if (rooms[i].slopes)
                rooms[i].slopes += run * rooms[i].stride;
        }
        rooms[0].values = (REAL *)data[0] + run * strides[0];
        for (long mask = 0; mask < n->mask_count; mask++)
            masks[mask] = data[2 + mask] + run * strides[2 + mask];
        forward(n, rooms, masks, run);
        const REAL *targets = data[1] + run * strides[1];
        const Room *last = rooms + n->layers[n->count - 1].to;
        long numbers = n->batch * last->units;
        memcpy(last->slopes, last->values, numbers * sizeof(REAL));
        losses[run] = n->loss == CROSS_ENTROPY ? entropy(last->slopes, targets, n->batch, last->units)
                                               : squared_error(last->slopes, targets, numbers);
        backward(n, rooms, run);
    }
}
