// What Python sees: arrays checked, the interpreter's lock released, the headers called, the work shared out.
#include <nanobind/stl/array.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "arrays.h"
#include "bill.h"
#include "gru.h"
#include "lag_module.h"
#include "lstm.h"
#include "outer.h"
#include "pairs.h"
#include "pool_module.h"
#include "processor.h"
#include "rnn.h"
#include "symbols.h"
#include "team.h"
#include "whole_module.h"

using namespace bptt::BPTT_ISA;
using namespace nb::literals;

namespace {

// The operand of a product with `rows` rows at once, which the threads share; or its columns, where those are few.
template <class T>
Packed<T> pack(const Array<const T>& matrix, Size gates, Size rows) {
    require(matrix.ndim() == 2 && Size(matrix.shape(1)) % gates == 0, "matrix");
    Packed<T> packed(matrix.shape(0), matrix.shape(1) / gates, gates, rows_of_one(rows, thread_count()),
                     shares(rows, matrix.size() * sizeof(T)));
    const T* from = matrix.data();
    const Size step_k = matrix.stride(0), step_j = matrix.stride(1);
    require(step_k == 1 || step_j == 1, "matrix");
    share(packed.panels.parts, 20.0 * matrix.size(), [&](Size begin, Size end) {
        for (Size p = begin; p < end; ++p) packed.fill(p, from, step_k, step_j);
    });
    return packed;
}

template <class T>
const Packed<T>& of_shape(const Packed<T>& m, Size K, Size N, Size G) {
    require(m.K == K && m.N == N && m.G == G, "W_R");
    return m;
}

// loop(sequence, each step) for each thread's share of a batch.
template <class T, class Loop>
void share_batch(Size steps, Size B, Size H, Size G, const Keep& keep, Loop&& loop) {
    const bool* flags = keep ? whole(*keep, steps * B, "keep") : nullptr;
    const Sequence all{steps, B, H, reinterpret_cast<const std::uint8_t*>(flags), 0, B};
    if (shares(B, G * H * H * sizeof(T)) > 1) return loop(all, EachStep{true});
    share(B, 2.0 * steps * B * G * H * H, [&](Size begin, Size end) {
        Sequence some = all;
        some.begin = begin, some.end = end;
        loop(some, EachStep{});
    });
}

// So many symbols, each of those there are.
const std::int64_t* among(const Array<const std::int64_t>& codes, Size count, Size symbols) {
    const std::int64_t* at = whole(codes, count, "codes");
    require(std::all_of(at, at + count, [=](std::int64_t code) { return 0 <= code && code < symbols; }), "codes");
    return at;
}

template <class T>
void bind_products(nb::module_& m, const char* packed_name) {
    using In = Array<const T>;
    using Out = Array<T>;
    nb::class_<Packed<T>>(m, packed_name);
    m.def("pack", &pack<T>, "matrix"_x, "gates"_a, "rows"_a, unlocked);

    m.def("affine", [](const Packed<T>& M, In a, std::optional<In> bias, Out out) {
        const Strided<const T> from(a, M.K, "a");
        const Strided<T> to(out, from.rows, M.G * M.N, "out");
        const T* added = bias ? whole(*bias, M.G * M.N, "bias") : nullptr;
        share(from.rows, 2.0 * from.rows * M.K * M.G * M.N, [&](Size begin, Size end) {
            affine(M, from.data, from.stride, added, to.data, to.stride, begin, end);
        }, 1, WORTHWHILE_ALONE);
    }, "M"_a, "a"_x, "bias"_x.none(), "out"_x, unlocked);

    m.def("look_up", [](In table, const Array<const std::int64_t>& codes, Out out) {
        require(table.ndim() == 2, "table");
        const Size symbols = table.shape(0), width = table.shape(1);
        const Strided<T> to(out, width, "out");
        const T* from = whole(table, symbols * width, "table");
        const std::int64_t* at = among(codes, to.rows, symbols);
        share(to.rows, 4.0 * to.rows * width, [&](Size begin, Size end) {
            look_up(from, width, at, to.data, to.stride, begin, end);
        });
    }, "table"_x, "codes"_x, "out"_x, unlocked);

    m.def("add_up", [](In rows, const Array<const std::int64_t>& codes, Out out) {
        require(out.ndim() == 2, "out");
        const Size symbols = out.shape(0), width = out.shape(1);
        const Strided<const T> from(rows, width, "rows");
        T* to = whole(out, symbols * width, "out");
        const std::int64_t* at = among(codes, from.rows, symbols);
        share(width, 8.0 * from.rows * width, [&](Size begin, Size end) {
            add_up(from.data, from.stride, at, from.rows, to, width, begin, end);
        }, W<T>);
    }, "rows"_x, "codes"_x, "out"_x, unlocked);

    m.def("outer", [](In a, In b, Out out, std::optional<Out> sums) {
        require(out.ndim() == 2, "out");
        const Size M = out.shape(0), N = out.shape(1);
        const Strided<const T> left(a, M, "a"), right(b, left.rows, N, "b");
        T *to = whole(out, M * N, "out"), *sums_of_a = sums ? whole(*sums, M, "sums") : nullptr;
        share(M, 2.0 * left.rows * M * N, [&](Size begin, Size end) {
            const Right<T, Apart<T>> only[] = {{{right.data, right.stride}, N, to, N, 0, M}};
            outer(Apart<T>{left.data, left.stride}, only, left.rows, M, begin, end, sums_of_a);
        }, OUTER_HEIGHT);
    }, "a"_x, "b"_x, "out"_x, "sums"_x.none(), unlocked);

    m.def("outer_in_double", [](In a, In b, Array<double> out) {
        require(out.ndim() == 2, "out");
        const Size M = out.shape(0), N = out.shape(1);
        const Strided<const T> left(a, M, "a"), right(b, left.rows, N, "b");
        double* to = whole(out, M * N, "out");
        return outer_in_double(Apart<T>{left.data, left.stride}, Apart<T>{right.data, right.stride}, left.rows, M, N, to);
    }, "a"_x, "b"_x, "out"_x, unlocked);

    m.def("squares_of_sums", [](In a, In b, Array<double> squares, Array<double> most) {
        const Cube<const T> left(a, "a"), right(b, "b");
        require(right.T_ == left.T_ && right.B == left.B, "b");
        double *to = whole(squares, left.B, "squares"), *beside = whole(most, left.B, "most");
        squares_of_sums(left.data, left.width, right.data, right.width, left.T_, left.B, to, beside);
    }, "a"_x, "b"_x, "squares"_x, "most"_x, unlocked);

    const auto elementwise = [&](const char* name, auto function) {
        m.def(name, [function](int phi, In z, Out out) {
            const Size n = z.size();
            const T* from = whole(z, n, "z");
            T* to = whole(out, n, "out");
            share(n, 20.0 * n, [&](Size begin, Size end) {
                with_activation(phi, [&]<class Phi>(Phi) {
                    for (Size i = begin; i < end; i += W<T>) {
                        const Size here = std::min(W<T>, end - i);
                        store(to + i, function.template operator()<Phi>(load(from + i, here)), here);
                    }
                });
            });
        }, "phi"_a, "z"_x, "out"_x, unlocked);
    };
    elementwise("value", []<class Phi>(Vec<T> z) { return Phi::template value<T>(z); });
    elementwise("slope", []<class Phi>(Vec<T> z) { return Phi::template slope<T>(z); });
}

template <class T>
void bind_loops(nb::module_& m) {
    using In = Array<const T>;
    using Out = Array<T>;

    m.def("rnn_forward", [](int phi, const Packed<T>& W_R, Out z, Out h, Keep keep) {
        const Cube<T> at(z, "z");
        const auto [to_z, steps, B, H] = at;
        T* to_h = whole(h, (steps + 1) * B * H, "h");
        of_shape(W_R, H, H, 1);
        share_batch<T>(steps, B, H, 1, keep, [&, z = to_z](const Sequence& s, EachStep each_step) {
            with_activation(phi, [&]<class Phi>(Phi) { rnn_forward<Phi>(s, W_R, z, to_h, each_step); });
        });
    }, "phi"_a, "W_R"_a, "z"_x, "h"_x, "keep"_x.none(), unlocked);

    m.def("rnn_backward", [](int phi, const Packed<T>& W_R, In z, In d, Out carried, Out dz, Keep keep) {
        const Cube<const T> at(z, "z");
        const Size n = at.T_ * at.B * at.width;
        const T* errors = whole(d, n, "d");
        T *back = whole(carried, at.B * at.width, "carried"), *to = whole(dz, n, "dz");
        of_shape(W_R, at.width, at.width, 1);
        share_batch<T>(at.T_, at.B, at.width, 1, keep, [&](const Sequence& s, EachStep each_step) {
            with_activation(phi, [&]<class Phi>(Phi) { rnn_backward<Phi>(s, W_R, at.data, errors, back, to, each_step); });
        });
    }, "phi"_a, "W_R"_a, "z"_x, "d"_x, "carried"_x, "dz"_x,
       "keep"_x.none(), unlocked);

    m.def("lstm_forward", [](const Packed<T>& W_R, Out gates, Out h, Out c, Keep keep) {
        const Cube<T> state(h, "h");
        const Size steps = state.T_ - 1, B = state.B, H = state.width;
        T *gate = whole(gates, steps * B * 4 * H, "gates"), *cell = whole(c, (steps + 1) * B * H, "c");
        of_shape(W_R, H, H, 4);
        share_batch<T>(steps, B, H, 4, keep, [&](const Sequence& s, EachStep each_step) {
            lstm_forward(s, W_R, gate, state.data, cell, each_step);
        });
    }, "W_R"_a, "gates"_x, "h"_x, "c"_x, "keep"_x.none(), unlocked);

    m.def("lstm_backward", [](const Packed<T>& W_R, In gates, In c, In d, Out carried, Out dz, Keep keep) {
        const Cube<const T> state(c, "c"), errors(d, "d");
        const Size steps = state.T_ - 1, B = state.B, H = state.width;
        require(errors.T_ == steps && errors.B == B && (errors.width == H || errors.width == 2 * H), "d");
        const T* gate = whole(gates, steps * B * 4 * H, "gates");
        T *back = whole(carried, B * 2 * H, "carried"), *to = whole(dz, steps * B * 4 * H, "dz");
        of_shape(W_R, 4 * H, H, 1);
        share_batch<T>(steps, B, H, 4, keep, [&](const Sequence& s, EachStep each_step) {
            lstm_backward(s, W_R, gate, state.data, errors.data, errors.width, back, to, each_step);
        });
    }, "W_R"_a, "gates"_x, "c"_x, "d"_x, "carried"_x,
       "dz"_x, "keep"_x.none(), unlocked);

    m.def("gru_forward", [](const Packed<T>& W_R, In b_Rn, Out saved, Out h, Keep keep) {
        const Cube<T> state(h, "h");
        const Size steps = state.T_ - 1, B = state.B, H = state.width;
        const T* bias = whole(b_Rn, H, "b_Rn");
        T* gate = whole(saved, steps * B * 4 * H, "saved");
        of_shape(W_R, H, H, 3);
        share_batch<T>(steps, B, H, 3, keep, [&](const Sequence& s, EachStep each_step) {
            gru_forward(s, W_R, bias, gate, state.data, each_step);
        });
    }, "W_R"_a, "b_Rn"_x, "saved"_x, "h"_x, "keep"_x.none(), unlocked);

    m.def("gru_backward", [](const Packed<T>& W_R, In saved, In h, In d, Out carried, Out dz_R, Out dz_F, Keep keep) {
        const Cube<const T> state(h, "h");
        const Size steps = state.T_ - 1, B = state.B, H = state.width, n = steps * B * H;
        const T *gate = whole(saved, 4 * n, "saved"), *errors = whole(d, n, "d");
        T *back = whole(carried, B * H, "carried"), *to_R = whole(dz_R, 3 * n, "dz_R"), *to_F = whole(dz_F, 3 * n, "dz_F");
        of_shape(W_R, 3 * H, H, 1);
        share_batch<T>(steps, B, H, 3, keep, [&](const Sequence& s, EachStep each_step) {
            gru_backward(s, W_R, gate, state.data, errors, back, to_R, to_F, each_step);
        });
    }, "W_R"_a, "saved"_x, "h"_x, "d"_x, "carried"_x,
       "dz_R"_x, "dz_F"_x, "keep"_x.none(), unlocked);
}

std::vector<Products> bound_bill(const std::vector<Array<const double>>& lags, Array<const double> W,
                                 const std::array<Array<const double>, 4>& from, const std::array<Array<double>, 4>& to,
                                 const Factors& first, const Factors& then) {
    require(W.ndim() == 2, "W");
    const Size rows = W.shape(0), columns = W.shape(1), all = rows * columns;
    const auto at = [&](const auto& array, const char* name) { return whole(array, all, name); };
    std::vector<const double*> parts;
    for (const auto& G : lags) parts.push_back(at(G, "G"));
    const Sums<const double> before{at(from[0], "S"), at(from[1], "R"), at(from[2], "N"), at(from[3], "L")};
    const Sums<double> behind{at(to[0], "S"), at(to[1], "R"), at(to[2], "N"), at(to[3], "L")};
    std::vector<Products> products;
    nb::gil_scoped_release unlock;
    bill(parts, at(W, "W"), before, behind, rows, columns, first, then, products);
    return products;
}

nb::list supported() {
    nb::list names;
    for (const char* name : supported_sets()) names.append(name);
    return names;
}

}  // namespace

NB_MODULE(BPTT_MODULE, m) {
    bind_products<float>(m, "PackedFloat32");
    bind_products<double>(m, "PackedFloat64");
    bind_loops<float>(m);
    bind_loops<double>(m);
    bind_lags(m);
    m.def("bill", &bound_bill, "lags"_a, "W"_x, "sums"_a, "to"_a, "first"_a, "then"_a);
    bind_whole_layer(m);
    bind_pool(m);
    m.def("supported", &supported);
    m.def("resize_team", &Team::resize, "count"_a, unlocked);
}
