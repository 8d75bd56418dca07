// What follows the products of one step, for a register of units, as the loops over a whole layer need it.
//
// Equations and order of gates: rnn.h, lstm.h and gru.h. `SAVED` blocks of H numbers are kept of a step for the way
// back besides h, and c where CARRIES; the drive stands in the first GATES blocks before. The way back leaves ERRORS
// blocks: those that W_R multiplies begin at TO_R; ADDS: dh one step before has an elementwise part.
#pragma once

#include "activations.h"
#include "gru.h"
#include "lstm.h"

namespace bptt::BPTT_ISA {

// Where the numbers of one unit of one sequence stand; `n` units from there.
template <class T>
struct Place {
    T* gate;        // drive and what is saved, blocks of H
    Size H, n;
    const T* h_prev;
    const T* b_Rn;  // of a GRU
    T* c;           // of an LSTM: c_{t-1}, takes c_t
    T* c_kept;      // takes c_t too; null: not kept
};

// The same on the way back.
template <class T>
struct PlaceBack {
    const T* gate;
    Size H, n;
    const T *h, *h_prev, *c, *c_prev;
    T* carry;  // of an LSTM dc; of a GRU takes the elementwise part of dh one step before
    T* dz;     // blocks of H
};

struct TanhOfState {
    template <class T> static Vec<T> value(Vec<T> z) { return tanh<T>(z); }
    template <class T> static Vec<T> slope(Vec<T> h) { return T(1) - h * h; }
};

struct ReluOfState {
    template <class T> static Vec<T> value(Vec<T> z) { return Relu::value<T>(z); }
    template <class T> static Vec<T> slope(Vec<T> h) { return Relu::slope<T>(h); }
};

template <class Phi>
struct PlainCell {
    static constexpr Size GATES = 1, SAVED = 0, ERRORS = 1, TO_R = 0;
    static constexpr bool CARRIES = false, ADDS = false;

    template <class T, class Sum>
    static Vec<T> step(const Place<T>& at, Sum sum) {
        return Phi::template value<T>(load(at.gate, at.n) + sum(0));
    }
    template <class T>
    static void back(const PlaceBack<T>& at, Vec<T> dh) {
        store(at.dz, dh * Phi::template slope<T>(load(at.h, at.n)), at.n);
    }
};

struct LstmCell {
    static constexpr Size GATES = 4, SAVED = 4, ERRORS = 4, TO_R = 0;
    static constexpr bool CARRIES = true, ADDS = false;

    template <class T, class Sum>
    static Vec<T> step(const Place<T>& at, Sum sum) {
        const LstmStep<T> step(at.gate, at.H, load(at.c, at.n), at.n, sum);
        store(at.c, step.c, at.n);
        if (at.c_kept) {
            store(at.c_kept, step.c, at.n);
            step.keep(at.gate, at.H, at.n);
        }
        return step.h();
    }
    template <class T>
    static void back(const PlaceBack<T>& at, Vec<T> dh) {
        const Size H = at.H, n = at.n;
        const LstmFactors<T> by(at.gate, H, load(at.c_prev, n), load(at.c, n), n);
        const Vec<T> dc = load(at.carry, n) + dh * by.to_cell;
        store(at.dz, dc * by.i, n);
        store(at.dz + H, dc * by.f, n);
        store(at.dz + 2 * H, dc * by.g, n);
        store(at.dz + 3 * H, dh * by.o, n);
        store(at.carry, dc * by.carry, n);
    }
};

// Errors: at W_F's candidate, then at r, z and W_R's candidate.
struct GruCell {
    static constexpr Size GATES = 3, SAVED = 4, ERRORS = 4, TO_R = 1;
    static constexpr bool CARRIES = false, ADDS = true;

    template <class T, class Sum>
    static Vec<T> step(const Place<T>& at, Sum sum) {
        const GruStep<T> step(at.gate, at.H, load(at.b_Rn, at.n), at.n, sum);
        step.keep(at.gate, at.H, at.n);
        return step.h(load(at.h_prev, at.n));
    }
    template <class T>
    static void back(const PlaceBack<T>& at, Vec<T> dh) {
        const Size H = at.H, n = at.n;
        const GruFactors<T> by(at.gate, H, load(at.h_prev, n), n);
        store(at.dz, dh * by.to_n, n);
        store(at.dz + H, dh * by.r, n);
        store(at.dz + 2 * H, dh * by.z, n);
        store(at.dz + 3 * H, dh * by.n, n);
        store(at.carry, dh * by.carry, n);
    }
};

// Calls f with the cell of that number.
enum class Kind { rnn_tanh, rnn_relu, lstm, gru };

template <class F>
inline void with_cell(Kind kind, F&& f) {
    switch (kind) {
        case Kind::rnn_tanh: return f(PlainCell<TanhOfState>{});
        case Kind::rnn_relu: return f(PlainCell<ReluOfState>{});
        case Kind::lstm: return f(LstmCell{});
        case Kind::gru: return f(GruCell{});
    }
}

}  // namespace bptt::BPTT_ISA
