/* SPDX-License-Identifier: BSD-2-Clause */
/* Classic capture files of both byte orders and both units, whole, cut and damaged; and the same through the
 * file layer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "packet/capfile.h"

struct form {
    uint32_t magic;
    bool swapped, nano;
};
static const struct form forms[] = {
    { 0xa1b2c3d4, false, false },
    { 0xa1b2c3d4, true, false },
    { 0xa1b23c4d, false, true },
    { 0xa1b23c4d, true, true },
};

static size_t put(uint8_t *p, const struct form *f, uint32_t v)
{
    v = f->swapped ? __builtin_bswap32(v) : v;
    memcpy(p, &v, 4);
    return 4;
}

enum { PACKETS = 3, FILE_LEN = 24 + PACKETS * (16 + 60) };

/* Three packets of 60 octets, filled with their number; the last is told to have been 1500 long. */
static void make_file(const struct form *f, uint8_t out[FILE_LEN])
{
    uint8_t *p = out;
    uint16_t version[2] = { f->swapped ? 0x0200 : 2, f->swapped ? 0x0400 : 4 };
    p += put(p, f, f->magic);
    memcpy(p, version, 4);
    p += 4;
    p += put(p, f, 0);
    p += put(p, f, 0);
    p += put(p, f, 65535);
    p += put(p, f, 1);
    for (unsigned i = 0; i < PACKETS; i++) {
        p += put(p, f, 1700000000 + i);
        p += put(p, f, f->nano ? 123456789 : 123456);
        p += put(p, f, 60);
        p += put(p, f, i == PACKETS - 1 ? 1500 : 60);
        memset(p, (int)i + 1, 60);
        p += 60;
    }
}

static void every_form_is_read(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof(forms) / sizeof(forms[0]); k++) {
        uint8_t file[FILE_LEN];
        struct pcapmap m;
        struct pcapmap_packet pk;
        make_file(&forms[k], file);
        assert_int_equal(pcapmap_of(&m, file, sizeof(file)), 0);
        assert_int_equal(m.linktype, 1);
        for (unsigned i = 0; i < PACKETS; i++) {
            assert_int_equal(pcapmap_next(&m, &pk), PCAPMAP_PACKET);
            assert_int_equal(pk.at_us, (1700000000 + i) * INT64_C(1000000) + 123456);
            assert_int_equal(pk.caplen, 60);
            assert_int_equal(pk.len, i == PACKETS - 1 ? 1500 : 60);
            assert_int_equal(pk.p[59], i + 1);
        }
        assert_int_equal(pcapmap_next(&m, &pk), PCAPMAP_END);
        pcapmap_rewind(&m);
        assert_int_equal(pcapmap_next(&m, &pk), PCAPMAP_PACKET);
    }
}

/* Cut at every octet, in memory of just that size. */
static void cut_files_end_early(void **state)
{
    (void)state;
    uint8_t file[FILE_LEN];
    make_file(&forms[0], file);
    for (size_t len = 0; len < FILE_LEN; len++) {
        uint8_t *copy = malloc(len ? len : 1);
        struct pcapmap m;
        struct pcapmap_packet pk;
        enum pcapmap_step step = PCAPMAP_PACKET;
        unsigned n = 0;
        assert_non_null(copy);
        memcpy(copy, file, len);
        int rc = pcapmap_of(&m, copy, len);
        assert_int_equal(rc, len < 24 ? -1 : 0);
        while (rc == 0 && (step = pcapmap_next(&m, &pk)) == PCAPMAP_PACKET)
            n++;
        if (rc == 0) {
            assert_int_equal(n, (len - 24) / 76);
            assert_int_equal(step, (len - 24) % 76 ? PCAPMAP_CUT : PCAPMAP_END);
        }
        free(copy);
    }
}

static void impossible_lengths_end_it(void **state)
{
    (void)state;
    uint8_t file[FILE_LEN];
    struct pcapmap m;
    struct pcapmap_packet pk;
    make_file(&forms[0], file);
    put(file + 24 + 8, &forms[0], 262145);
    assert_int_equal(pcapmap_of(&m, file, sizeof(file)), 0);
    assert_int_equal(pcapmap_next(&m, &pk), PCAPMAP_DAMAGED);
    put(file + 24 + 8, &forms[0], UINT32_MAX);
    assert_int_equal(pcapmap_next(&m, &pk), PCAPMAP_DAMAGED);
}

static void other_files_are_left_to_libpcap(void **state)
{
    (void)state;
    struct pcapmap m;
    uint8_t file[FILE_LEN];
    make_file(&forms[0], file);
    file[4] = 3; /* version 3.4 */
    assert_int_equal(pcapmap_of(&m, file, sizeof(file)), -1);
    assert_int_equal(pcapmap_of(&m, "\x0a\x0d\x0d\x0a aaaaaaaaaaaaaaaaaaaaaaaaaaa", 32), -1);
}

static void write_file(const char *path, const void *p, size_t len)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

/* One section, one interface of Ethernet, one packet of 60 octets: what libpcap reads and we do not. */
static size_t make_pcapng(uint8_t *p)
{
    static const uint32_t words[] = {
        0x0a0d0d0a, 28, 0x1a2b3c4d, 0x00000001, 0xffffffff,
        0xffffffff, 28,                             /* section header, version 1.0 */
        1,          20, 1,          65535,      20, /* interface description */
        6,          92, 0,          0x00060a24, 0x181cd240,
        60,         60, /* enhanced packet: 1700000000.000000 */
    };
    memcpy(p, words, sizeof(words));
    memset(p + sizeof(words), 7, 60);
    uint32_t len = 92;
    memcpy(p + sizeof(words) + 60, &len, 4);
    return sizeof(words) + 64;
}

static unsigned count_all(const char *path, const char *filter, unsigned *filtered)
{
    struct capfile cf;
    struct pcapmap_packet pk;
    struct err e;
    unsigned n = 0;
    *filtered = 0;
    if (capfile_open(&cf, path, filter, &e) == -1)
        fail_msg("%s", e.text);
    for (unsigned round = 0; round < 2; round++) {
        enum capfile_step step;
        while ((step = capfile_next(&cf, &pk)) != CAPFILE_END)
            *(step == CAPFILE_PACKET ? &n : filtered) += 1;
        assert_null(cf.trouble);
        assert_int_equal(capfile_rewind(&cf, &e), 0);
    }
    capfile_close(&cf);
    return n;
}

static void files_of_both_kinds(void **state)
{
    (void)state;
    char path[] = "/tmp/pcapmap_test.XXXXXX";
    uint8_t file[1024];
    unsigned filtered;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    make_file(&forms[0], file);
    write_file(path, file, FILE_LEN);
    assert_int_equal(count_all(path, NULL, &filtered), 2 * PACKETS);
    assert_int_equal(count_all(path, "ether[0] = 2", &filtered), 2);
    assert_int_equal(filtered, 4);
    write_file(path, file, make_pcapng(file));
    assert_int_equal(count_all(path, NULL, &filtered), 2);
    assert_int_equal(count_all(path, "ether[0] = 2", &filtered), 0);
    unlink(path);
}

/* A file that became shorter while it was read: what is gone is not touched. */
static void shrunk_files_are_noticed(void **state)
{
    (void)state;
    char path[] = "/tmp/pcapmap_test.XXXXXX";
    uint8_t file[FILE_LEN];
    struct pcapmap m;
    struct pcapmap_packet pk;
    struct err e;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    make_file(&forms[0], file);
    write_file(path, file, FILE_LEN);
    assert_int_equal(pcapmap_open(&m, path, &e), 0);
    assert_int_equal(pcapmap_next(&m, &pk), PCAPMAP_PACKET);
    assert_int_equal(ftruncate(fd, 24 + 76 + 20), 0);
    pcapmap_tidy(&m);
    assert_int_equal(pcapmap_next(&m, &pk), PCAPMAP_CUT);
    pcapmap_close(&m);
    close(fd);
    unlink(path);
}

static void what_cannot_be_read_is_said(void **state)
{
    (void)state;
    struct capfile cf;
    struct err e;
    assert_int_equal(capfile_open(&cf, "/nonexistent/file.pcap", NULL, &e), -1);
    assert_non_null(strstr(e.text, "/nonexistent/file.pcap"));
    assert_int_equal(capfile_open(&cf, "/proc/self/exe", NULL, &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_read),          cmocka_unit_test(cut_files_end_early),
        cmocka_unit_test(impossible_lengths_end_it),   cmocka_unit_test(other_files_are_left_to_libpcap),
        cmocka_unit_test(files_of_both_kinds),         cmocka_unit_test(shrunk_files_are_noticed),
        cmocka_unit_test(what_cannot_be_read_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
