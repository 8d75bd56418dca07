// The walk back in lag as Python sees it: the derivatives of every step, one lag of all rows, several lags in one call.
#include "lag_module.h"

#include <nanobind/stl/array.h>

#include <vector>

#include "arrays.h"
#include "lag_block.h"

using namespace bptt::BPTT_ISA;
using namespace nb::literals;

namespace {

template <class T>
void check(const Packed<T>& W_R, Size gates) {
    require(W_R.K == gates * W_R.N && W_R.G == 1, "W_R");
}

// One lag for all rows; squares (5, rows) takes the norms in the order of ``Norms``.
template <class Back, class T>
Totals share_lag(const Packed<T>& W_R, const Array<const T>& d, const Array<T>& dz, const Array<T>& next,
               const Array<double>& squares, Size cut, const Back& back) {
    const Size H = W_R.N, S = Back::S * H, rows = Size(d.size()) / S;
    require(0 <= cut && cut <= rows, "cut");
    check(W_R, Back::G);
    double* norms = whole(squares, 5 * rows, "squares");
    Lag<T> lag{rows, cut, H, whole(d, rows * S, "d"), whole(dz, rows * Back::G * H, "dz"),
               whole(next, (rows - cut) * S, "next"),
               {norms, norms + rows, norms + 2 * rows, norms + 3 * rows, norms + 4 * rows}, 0, 0};
    share(rows, 2.0 * rows * Back::G * H * H, [=, &W_R](Size begin, Size end) {
        Lag<T> part = lag;
        part.begin = begin, part.end = end;
        lag_step(part, W_R, back);
    }, MOST_ROWS);
    return totals<Back>(lag);
}

// Several lags; see Block.
template <class Back, class T>
void share_block(const Packed<T>& W_R, const Array<const T>& d, const Array<const T>& h_prev, const Array<T>& next, Size first,
                 const Array<T>& sums, const Array<double>& squares, const Array<double>& out,
                 const Array<double>& largest, const Array<double>& totals, const Back& back) {
    const Size H = W_R.N, S = Back::S * H, numbers = Back::G * H * H;
    const Cube<const T> errors(d, "d");
    const Strided<const T> states(h_prev, H, "h_prev");
    require(errors.width == S, "d");
    require(sums.ndim() == 4 && sums.shape(0) > 0, "sums");
    check(W_R, Back::G);
    const Size rows = errors.T_ * errors.B, parts = sums.shape(0), lags = sums.shape(1);
    require(first >= 0 && first <= states.rows && lags <= first + errors.T_ && rows <= states.rows - first * errors.B, "first");
    Block<T> block{errors.T_, errors.B, H, first, lags, errors.data, states.data, states.stride, nullptr,
                   whole(squares, lags * 5 * rows, "squares")};
    block.next = whole(next, (rows - block.ended(lags)) * S, "next");
    static_assert(sizeof(Totals) == 9 * sizeof(double));
    lag_block(block, W_R, back, whole(sums, parts * lags * numbers, "sums"), parts, whole(out, lags * numbers, "out"),
              whole(largest, lags, "largest"), reinterpret_cast<Totals*>(whole(totals, 9 * lags, "totals")));
}

// What the step back of each cell reads, for at least so many rows.
template <class T>
Strided<const T> for_rows(const Array<const T>& array, Size rows, Size width, const char* name) {
    const Strided<const T> found(array, width, name);
    require(found.rows >= rows, name);
    return found;
}

template <class T>
RnnBack<T> rnn_back(const Array<const T>& slope, Size rows, Size H) {
    const auto by = for_rows(slope, rows, H, "slope");
    return {by.data, by.stride};
}

template <class T>
LstmBack<T> lstm_back(const Array<const T>& to_cell, const Array<const T>& factors, const Array<const T>& f, Size rows, Size H) {
    const auto cell = for_rows(to_cell, rows, H, "to_cell"), four = for_rows(factors, rows, 4 * H, "factors");
    const auto forget = for_rows(f, rows, H, "f");
    return {cell.data, four.data, forget.data, cell.stride, four.stride, forget.stride};
}

template <class T>
GruBack<T> gru_back(const Array<const T>& factors, const Array<const T>& z, Size rows, Size H) {
    const auto three = for_rows(factors, rows, 3 * H, "factors"), gate = for_rows(z, rows, H, "z");
    return {three.data, gate.data, three.stride, gate.stride};
}

template <class T>
Size rows_of(const Array<const T>& d, Size width) { return Size(d.size()) / width; }

template <class T>
void bind_lags(nb::module_& m) {
    using In = Array<const T>;
    using Out = Array<T>;
    using Doubles = Array<double>;

    m.def("rnn_lag_step", [](const Packed<T>& W_R, In d, In slope, Out dz, Out next, Doubles squares, Size cut) {
        return share_lag(W_R, d, dz, next, squares, cut, rnn_back(slope, rows_of(d, W_R.N), W_R.N));
    }, "W_R"_a, "d"_x, "slope"_x, "dz"_x, "next"_x, "squares"_x, "cut"_a, unlocked);

    m.def("rnn_lag_block", [](const Packed<T>& W_R, In d, In slope, In h_prev, Out next, Size first, Out sums, Doubles squares,
                              Doubles out, Doubles largest, Doubles totals) {
        const auto back = rnn_back(slope, rows_of(d, W_R.N), W_R.N);
        share_block(W_R, d, h_prev, next, first, sums, squares, out, largest, totals, back);
    }, "W_R"_a, "d"_x, "slope"_x, "h_prev"_x, "next"_x, "first"_a, "sums"_x, "squares"_x, "out"_x, "largest"_x, "totals"_x,
       unlocked);

    m.def("lstm_lag_step", [](const Packed<T>& W_R, In d, In to_cell, In factors, In f, Out dz, Out next, Doubles squares,
                              Size cut) {
        const auto back = lstm_back(to_cell, factors, f, rows_of(d, 2 * W_R.N), W_R.N);
        return share_lag(W_R, d, dz, next, squares, cut, back);
    }, "W_R"_a, "d"_x, "to_cell"_x, "factors"_x, "f"_x, "dz"_x, "next"_x, "squares"_x, "cut"_a, unlocked);

    m.def("lstm_lag_block", [](const Packed<T>& W_R, In d, In to_cell, In factors, In f, In h_prev, Out next, Size first,
                               Out sums, Doubles squares, Doubles out, Doubles largest, Doubles totals) {
        const auto back = lstm_back(to_cell, factors, f, rows_of(d, 2 * W_R.N), W_R.N);
        share_block(W_R, d, h_prev, next, first, sums, squares, out, largest, totals, back);
    }, "W_R"_a, "d"_x, "to_cell"_x, "factors"_x, "f"_x, "h_prev"_x, "next"_x, "first"_a, "sums"_x, "squares"_x, "out"_x,
       "largest"_x, "totals"_x, unlocked);

    m.def("gru_lag_step", [](const Packed<T>& W_R, In d, In factors, In z, Out dz, Out next, Doubles squares, Size cut) {
        return share_lag(W_R, d, dz, next, squares, cut, gru_back(factors, z, rows_of(d, W_R.N), W_R.N));
    }, "W_R"_a, "d"_x, "factors"_x, "z"_x, "dz"_x, "next"_x, "squares"_x, "cut"_a, unlocked);

    m.def("gru_lag_block", [](const Packed<T>& W_R, In d, In factors, In z, In h_prev, Out next, Size first, Out sums,
                              Doubles squares, Doubles out, Doubles largest, Doubles totals) {
        const auto back = gru_back(factors, z, rows_of(d, W_R.N), W_R.N);
        share_block(W_R, d, h_prev, next, first, sums, squares, out, largest, totals, back);
    }, "W_R"_a, "d"_x, "factors"_x, "z"_x, "h_prev"_x, "next"_x, "first"_a, "sums"_x, "squares"_x, "out"_x, "largest"_x,
       "totals"_x, unlocked);

    m.def("lstm_local", [](In gates, In c_prev, In c, Out to_cell, Out factors) {
        const Cube<const T> after(c, "c");
        const Size H = after.width, rows = after.T_ * after.B;
        const T *gate = whole(gates, rows * 4 * H, "gates"), *before = whole(c_prev, rows * H, "c_prev");
        T *cell = whole(to_cell, rows * H, "to_cell"), *four = whole(factors, rows * 4 * H, "factors");
        share(rows, 100.0 * rows * H, [&](Size begin, Size end) {
            lstm_local(gate, before, after.data, cell, four, H, begin, end);
        });
    }, "gates"_x, "c_prev"_x, "c"_x, "to_cell"_x,
       "factors"_x, unlocked);

    m.def("gru_local", [](In saved, In h_prev, Out factors, Out to_n) {
        const Cube<const T> before(h_prev, "h_prev");
        const Size H = before.width, rows = before.T_ * before.B;
        const T* gate = whole(saved, rows * 4 * H, "saved");
        T *three = whole(factors, rows * 3 * H, "factors"), *candidate = whole(to_n, rows * H, "to_n");
        share(rows, 50.0 * rows * H, [&](Size begin, Size end) {
            gru_local(gate, before.data, three, candidate, H, begin, end);
        });
    }, "saved"_x, "h_prev"_x, "factors"_x, "to_n"_x, unlocked);
}

}  // namespace

void bptt::BPTT_ISA::bind_lags(nb::module_& m) {
    ::bind_lags<float>(m);
    ::bind_lags<double>(m);
}
