#include "formats/sha256_pair.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

enum { CPUID_FEATURES = 7, STEPS = 16, UNKNOWN = -1 };

static const uint32_t constants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/* Asks the processor once: a virtual machine takes a hundredth of a millisecond to answer. */
bool sha256_pair_can(void)
{
    static _Atomic int can = UNKNOWN;
    unsigned a, b, c, d;

    if (can == UNKNOWN)
        can = __builtin_cpu_supports("sse4.1") &&
              __get_cpuid_count(CPUID_FEATURES, 0, &a, &b, &c, &d) && (b & bit_SHA) != 0;
    return can;
}

#define INSTRUCTIONS __attribute__((target("sha,sse4.1")))

struct words {
    __m128i abef, cdgh;
};

INSTRUCTIONS static inline struct words load(const uint32_t *state)
{
    __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
    __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);

    return (struct words){_mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xf0)};
}

INSTRUCTIONS static inline void store(struct words words, uint32_t *state)
{
    __m128i feba = _mm_shuffle_epi32(words.abef, 0x1b);
    __m128i dchg = _mm_shuffle_epi32(words.cdgh, 0xb1);

    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

/* Four of a block's 64 rounds; `message` is what the next sixteen are made of. */
INSTRUCTIONS static inline void four_rounds(struct words *words, __m128i message[4], int step)
{
    __m128i *now = &message[step % 4], before = message[(step + 3) % 4];
    __m128i sum = _mm_add_epi32(*now, _mm_load_si128((const __m128i *)(constants + 4 * step)));

    words->cdgh = _mm_sha256rnds2_epu32(words->cdgh, words->abef, sum);
    if (step < STEPS - 4) {
        __m128i next = _mm_sha256msg1_epu32(*now, message[(step + 1) % 4]);

        next = _mm_add_epi32(next, _mm_alignr_epi8(before, message[(step + 2) % 4], 4));
        *now = _mm_sha256msg2_epu32(next, before);
    }
    words->abef = _mm_sha256rnds2_epu32(words->abef, words->cdgh, _mm_shuffle_epi32(sum, 0x0e));
}

INSTRUCTIONS static inline void load_message(const uint8_t *block, __m128i message[4])
{
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);

    for (int i = 0; i < 4; i++)
        message[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)block + i), big_endian);
}

INSTRUCTIONS void sha256_pair_blocks(uint32_t *const states[2], const uint8_t *const bytes[2],
                                     size_t blocks)
{
    struct words first = load(states[0]), second = load(states[1]);

    for (size_t at = 0; at < blocks * SHA256_BLOCK; at += SHA256_BLOCK) {
        struct words first_before = first, second_before = second;
        __m128i first_message[4], second_message[4];

        load_message(bytes[0] + at, first_message);
        load_message(bytes[1] + at, second_message);
#pragma GCC unroll 16
        for (int step = 0; step < STEPS; step++) {
            four_rounds(&first, first_message, step);
            four_rounds(&second, second_message, step);
        }
        first.abef = _mm_add_epi32(first.abef, first_before.abef);
        first.cdgh = _mm_add_epi32(first.cdgh, first_before.cdgh);
        second.abef = _mm_add_epi32(second.abef, second_before.abef);
        second.cdgh = _mm_add_epi32(second.cdgh, second_before.cdgh);
    }
    store(first, states[0]);
    store(second, states[1]);
}

#else

bool sha256_pair_can(void)
{
    return false;
}

void sha256_pair_blocks(uint32_t *const states[2], const uint8_t *const bytes[2], size_t blocks)
{
    (void)states, (void)bytes, (void)blocks;
}

#endif
