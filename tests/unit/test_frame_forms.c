// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The one form of a body: every other is refused with its own reason, and no byte behind the end is read. */
#include "frame.h"
#include "vector.h"

#define HEAD "97 01 02 03 04 00 00"
#define GROUP "97 02 05 c404c6336401 c4040a000001 c40100 c40101 c40101"

#define ONE "c40100 c40101 c40101" /* columns of one cell: first 0, last 1, one packet */

/* a group of one cell up to its counts */
#define PAIR "97 02 05 c404c6336401 c4040a000001 c40100 c40101 "
#define CLIENT "97 04 05 c400 c4040a000001 c40100 c40101 "

/* clang-format off */
static const struct {
	const char *hex;
	enum reject reject;
} forms[] = {
	/*   0 */ { HEAD "90", REJECT_NONE },
	/*   1 */ { HEAD "91" GROUP, REJECT_NONE },
	/*   2 */ { "", REJECT_BODY },
	/*   3 */ { "97", REJECT_BODY },
	/*   4 */ { HEAD, REJECT_BODY },
	/*   5 */ { HEAD "90 00", REJECT_BODY }, /* trailing */
	/*   6 */ { HEAD "90 c1", REJECT_BODY },
	/*   7 */ { HEAD "91" GROUP "00", REJECT_BODY },
	/*   8 */ { HEAD "90" GROUP, REJECT_BODY },
	/*   9 */ { HEAD "92" GROUP, REJECT_BODY },
	/*  10 */ { "96 01 02 03 04 00 90", REJECT_BODY }, /* six fields */
	/*  11 */ { "98 01 02 03 04 00 00 90 00", REJECT_BODY }, /* eight */
	/*  12 */ { "dc0007 01 02 03 04 00 00 90", REJECT_BODY }, /* array header not minimal */
	/*  13 */ { "97 cc01 02 03 04 00 00 90", REJECT_BODY },
	/*  14 */ { "97 cf0000000000000001 02 03 04 00 00 90", REJECT_BODY },
	/*  15 */ { "97 cfffffffffffffffff cfffffffffffffffff cfffffffffffffffff cfffffffffffffffff ceffffffff 01 90",
		REJECT_NONE },
	/*  16 */ { "97 01 02 03 04 cf0000000100000000 00 90", REJECT_BODY }, /* epoch of 33 bits */
	/*  17 */ { "97 01 02 03 04 00 02 90", REJECT_BODY }, /* kind */
	/*  18 */ { "97 ff 02 03 04 00 00 90", REJECT_BODY }, /* -1 */
	/*  19 */ { "97 d001 02 03 04 00 00 90", REJECT_BODY }, /* signed */
	/*  20 */ { "97 ca3f800000 02 03 04 00 00 90", REJECT_BODY }, /* float */
	/*  21 */ { "97 c0 02 03 04 00 00 90", REJECT_BODY }, /* nil */
	/*  22 */ { "97 a101 02 03 04 00 00 90", REJECT_BODY }, /* str */
	/*  23 */ { "87 01 02 03 04 00 00 90", REJECT_BODY }, /* map */
	/*  24 */ { "ddff000000", REJECT_BODY },
	/*  25 */ { "dfff000000", REJECT_BODY },
	/*  26 */ { HEAD "ddff000000", REJECT_BODY },
	/*  27 */ { HEAD "ddffffffff", REJECT_BODY },
	/*  28 */ { HEAD "dc0001" GROUP, REJECT_BODY },
	/*  29 */ { HEAD "80", REJECT_BODY },
	/*  30 */ { HEAD "c0", REJECT_BODY },
	/*  31 */ { HEAD "91 90", REJECT_BODY },
	/*  32 */ { HEAD "91 96 02 05 c404c6336401 c4040a000001 c40100 c40101", REJECT_BODY }, /* a column short */
	/*  33 */ { HEAD "91 98 02 05 c404c6336401 c4040a000001 c40100 c40101 c40101 00", REJECT_BODY },
	/*  34 */ { HEAD "91 97 09 05 c404c6336401 c4040a000001 " ONE, REJECT_BODY }, /* form */
	/*  35 */ { HEAD "91 97 02 cc05 c404c6336401 c4040a000001 " ONE, REJECT_BODY }, /* slot not minimal */
	/*  36 */ { HEAD "91 97 02 05 c400 c4040a000001 " ONE, REJECT_BODY }, /* pairs without destination */
	/*  37 */ { HEAD "91 97 02 05 c403c63364 c4040a000001 " ONE, REJECT_BODY },
	/*  38 */ { HEAD "91 97 02 05 c41020010db8000000000000000000000080 c4040a000001 " ONE, REJECT_BODY },
	/*  39 */ { HEAD "91 97 00 05 c404c6336401 c4040a000001 " ONE, REJECT_BODY }, /* destinations with one */
	/*  40 */ { HEAD "91 97 00 05 c400 c404c6336401 " ONE, REJECT_NONE },
	/*  41 */ { HEAD "91 97 02 05 c404c6336401 c400 c400 c400 c400", REJECT_BODY }, /* empty group */
	/*  42 */ { HEAD "91 97 02 05 c404c6336401 c400 c400 c400 c40101", REJECT_BODY }, /* and packets */
	/*  43 */ { HEAD "91 97 02 05 c404c6336401 c4030a0000 " ONE, REJECT_BODY }, /* three quarters of a key */
	/*  44 */ { HEAD "91 97 02 05 c404c6336401 c4050a00000100 " ONE, REJECT_BODY },
	/* columns of other lengths */
	/*  45 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c400 c40101 c40101", REJECT_BODY },
	/*  46 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c4020000 c40101 c40101", REJECT_BODY },
	/*  47 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c40100 c400 c40101", REJECT_BODY },
	/*  48 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c40100 c4020101 c40101", REJECT_BODY },
	/*  49 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c40100 c40101 c400", REJECT_BODY },
	/* packets left over */
	/*  50 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c40100 c40101 c403010101", REJECT_BODY },
	/* varint not minimal */
	/*  51 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c40100 c40101 c4028100", REJECT_BODY },
	/* varint not ended */
	/*  52 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c40100 c40101 c40181", REJECT_BODY },
	/* 2^64 - 1 */
	/*  53 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c40100 c40101 c40affffffffffffffffff01", REJECT_NONE },
	/* 65 bits */
	/*  54 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c40100 c40101 c40affffffffffffffffff02", REJECT_BODY },
	/*  55 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c40100 c40101 c40b8080808080808080808001",
		REJECT_BODY },
	/*  56 */ { HEAD "91 97 02 05 c404c6336401 a40a000001 " ONE, REJECT_BODY }, /* str for bin */
	/*  57 */ { HEAD "91 97 02 05 c404c6336401 d6000a000001 " ONE, REJECT_BODY }, /* ext for bin */
	/*  58 */ { HEAD "91 97 02 05 c404c6336401 c500040a000001 " ONE, REJECT_BODY }, /* bin not minimal */
	/*  59 */ { HEAD "91 97 02 05 c404c6336401 c4ff0a000001 " ONE, REJECT_BODY }, /* beyond the end */
	/*  60 */ { HEAD "91 97 02 05 c404c6336401 c6ffffffff", REJECT_BODY },
	/* groups out of order */
	/*  61 */ { HEAD "92" GROUP GROUP, REJECT_BODY },
	/*  62 */ { HEAD "92" GROUP "97 02 05 c404c6336401 c4040a000002 " ONE, REJECT_BODY }, /* one group in two */
	/*  63 */ { HEAD "92" GROUP "97 02 05 c404c6336402 c4040a000001 " ONE, REJECT_NONE },
	/*  64 */ { HEAD "92" GROUP "97 02 05 c404c6336400 c4040a000001 " ONE, REJECT_BODY },
	/*  65 */ { HEAD "92" GROUP "97 02 04 c404c6336402 c4040a000001 " ONE, REJECT_BODY },
	/*  66 */ { HEAD "92" GROUP "97 02 06 c404c6336401 c4040a000001 " ONE, REJECT_NONE },
	/*  67 */ { HEAD "92" GROUP "97 00 05 c400 c404c6336401 " ONE, REJECT_BODY },
	/*  68 */ { HEAD "92" GROUP "97 00 06 c400 c404c6336401 " ONE, REJECT_NONE },
	/*  69 */ { HEAD "92 97 00 05 c400 c404c6336401 c40100 c40101 c40101 97 00 05 c400 c404c6336402 " ONE,
		REJECT_BODY },
	/* cells */
	/*  70 */ { HEAD "91 97 02 05 c404c6336401 c4080a0000010a000002 c4020000 c4020101 c4020101", REJECT_NONE },
	/* repeated */
	/*  71 */ { HEAD "91 97 02 05 c404c6336401 c4080a0000010a000001 c4020000 c4020101 c4020101", REJECT_CELL },
	/* descending */
	/*  72 */ { HEAD "91 97 02 05 c404c6336401 c4080a0000020a000001 c4020000 c4020101 c4020101", REJECT_CELL },
	/* last before first */
	/*  73 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c40102 c40101 c40101", REJECT_CELL },
	/*  74 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c40102 c40102 c40101", REJECT_NONE },
	/*  75 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c40100 c40101 c40100", REJECT_CELL }, /* no packets */
	/* in the second */
	/*  76 */ { HEAD "91 97 02 05 c404c6336401 c4080a0000010a000002 c4020000 c4020101 c4020100", REJECT_CELL },
	/* in the second group */
	/*  77 */ { HEAD "92" GROUP "97 02 06 c404c6336401 c4040a000001 c40102 c40101 c40101", REJECT_CELL },
	/* addresses */
	/*  78 */ { HEAD "91 97 02 05 c404c6336401 c40400000000 " ONE, REJECT_CELL },
	/*  79 */ { HEAD "91 97 02 05 c404c6336401 c40400ffffff " ONE, REJECT_NONE },
	/*  80 */ { HEAD "91 97 02 05 c404c6336401 c40401000000 " ONE, REJECT_NONE },
	/*  81 */ { HEAD "91 97 02 05 c404c6336401 c4047effffff " ONE, REJECT_NONE },
	/*  82 */ { HEAD "91 97 02 05 c404c6336401 c4047f000000 " ONE, REJECT_CELL },
	/*  83 */ { HEAD "91 97 02 05 c404c6336401 c4047fffffff " ONE, REJECT_CELL },
	/*  84 */ { HEAD "91 97 02 05 c404c6336401 c40480000000 " ONE, REJECT_NONE },
	/*  85 */ { HEAD "91 97 02 05 c404c6336401 c404dfffffff " ONE, REJECT_NONE },
	/*  86 */ { HEAD "91 97 02 05 c404c6336401 c404e0000000 " ONE, REJECT_CELL },
	/*  87 */ { HEAD "91 97 02 05 c404c6336401 c404f0000000 " ONE, REJECT_NONE },
	/*  88 */ { HEAD "91 97 02 05 c404c6336401 c404ffffffff " ONE, REJECT_CELL },
	/*  89 */ { HEAD "91 97 02 05 c4047f000001 c4040a000001 " ONE, REJECT_CELL }, /* as destination of a pair */
	/*  90 */ { HEAD "91 97 00 05 c400 c404e0000001 " ONE, REJECT_CELL }, /* as a destination */
	/*  91 */ { HEAD "91 97 01 05 c400 c41020010db8000000000000000000000080 " ONE, REJECT_NONE },
	/*  92 */ { HEAD "91 97 01 05 c400 c41000000000000000000000000000000000 " ONE, REJECT_CELL }, /* :: */
	/*  93 */ { HEAD "91 97 01 05 c400 c41000000000000000000000000000000001 " ONE, REJECT_CELL }, /* ::1 */
	/*  94 */ { HEAD "91 97 01 05 c400 c41000000000000000000000000000000002 " ONE, REJECT_NONE },
	/*  95 */ { HEAD "91 97 01 05 c400 c41000000000000000000000ffff0a000001 " ONE, REJECT_CELL }, /* mapped */
	/*  96 */ { HEAD "91 97 01 05 c400 c410ff000000000000000000000000000001 " ONE, REJECT_CELL },
	/*  97 */ { HEAD "91 97 01 05 c400 c410feffffffffffffffffffffffffffffff " ONE, REJECT_NONE },
	/*  98 */ { HEAD "91 97 01 05 c400 c410fe800000000000000000000000000001 " ONE, REJECT_CELL },
	/*  99 */ { HEAD "91 97 01 05 c400 c410febfffffffffffffffffffffffffffff " ONE, REJECT_CELL },
	/* 100 */ { HEAD "91 97 01 05 c400 c410fe7fffffffffffffffffffffffffffff " ONE, REJECT_NONE },
	/* 101 */ { HEAD "91 97 01 05 c400 c410fec00000000000000000000000000001 " ONE, REJECT_NONE },
	/* a client of :: would read as a destination */
	/* 102 */ { HEAD "91 97 03 05 c41020010db8000000000000000000000080 c41000000000000000000000000000000000 " ONE,
		REJECT_CELL },
	/* 103 */ { HEAD "91 97 03 05 c41020010db8000000000000000000000080 c41000000000000000000000ffff0a000001 " ONE,
		REJECT_CELL },
	/* 104 */ { HEAD "91 97 03 05 c41000000000000000000000ffffc6336401 c41020010db8000000000000000000000001 " ONE,
		REJECT_CELL },
	/* 105 */ { HEAD "91 97 03 05 c41020010db8000000000000000000000080 c41020010db8000000000000000000000001 " ONE,
		REJECT_NONE },
	/* 106 */ { HEAD "91 97 04 05 c400 c4040a000001 " ONE, REJECT_NONE }, /* a client */
	/* 107 */ { HEAD "91 97 04 05 c404c6336401 c4040a000001 " ONE, REJECT_BODY }, /* with a destination */
	/* 108 */ { HEAD "91 97 04 05 c400 c4030a0000 " ONE, REJECT_BODY }, /* three quarters of one */
	/* 109 */ { HEAD "91 97 04 05 c400 c4050a00000100 " ONE, REJECT_BODY },
	/* 110 */ { HEAD "91 97 04 05 c400 c40400000000 " ONE, REJECT_CELL },
	/* 111 */ { HEAD "91 97 04 05 c400 c40400000001 " ONE, REJECT_NONE },
	/* 112 */ { HEAD "91 97 04 05 c400 c4047effffff " ONE, REJECT_NONE },
	/* 113 */ { HEAD "91 97 04 05 c400 c4047f000000 " ONE, REJECT_CELL },
	/* 114 */ { HEAD "91 97 04 05 c400 c4047fffffff " ONE, REJECT_CELL },
	/* 115 */ { HEAD "91 97 04 05 c400 c40480000000 " ONE, REJECT_NONE },
	/* 116 */ { HEAD "91 97 04 05 c400 c404dfffffff " ONE, REJECT_NONE },
	/* 117 */ { HEAD "91 97 04 05 c400 c404e0000000 " ONE, REJECT_CELL },
	/* 118 */ { HEAD "91 97 04 05 c400 c404efffffff " ONE, REJECT_CELL },
	/* 119 */ { HEAD "91 97 04 05 c400 c404f0000000 " ONE, REJECT_NONE },
	/* 120 */ { HEAD "91 97 04 05 c400 c404fffffffe " ONE, REJECT_NONE },
	/* 121 */ { HEAD "91 97 04 05 c400 c404ffffffff " ONE, REJECT_CELL },
	/* 122 */ { HEAD "91 97 04 05 c400 c4080a0000010a000002 c4020000 c4020101 c4020101", REJECT_NONE },
	/* descending */
	/* 123 */ { HEAD "91 97 04 05 c400 c4080a0000020a000001 c4020000 c4020101 c4020101",
		REJECT_CELL },
	/* repeated */
	/* 124 */ { HEAD "91 97 04 05 c400 c4080a0000010a000001 c4020000 c4020101 c4020101",
		REJECT_CELL },
	/* a client of IPv6 */
	/* 125 */ { HEAD "91 97 05 05 c400 c41020010db8000000000000000000000001 " ONE,
		REJECT_NONE },
	/* 126 */ { HEAD "91 97 05 05 c400 c41020010db8000000008000000000000000 " ONE, REJECT_NONE },
	/* a /64 with all of its bytes */
	/* 127 */ { HEAD "91 97 05 05 c400 c41020010db8000000000000000000000000 " ONE,
		REJECT_CELL },
	/* 128 */ { HEAD "91 97 05 05 c400 c40f20010db80000000000000000000001 " ONE, REJECT_BODY }, /* 15 bytes */
	/* with a destination */
	/* 129 */ { HEAD "91 97 05 05 c41020010db8000000000000000000000080 c41020010db8000000000000000000000001 " ONE,
		REJECT_BODY },
	/* reads as a destination of :: */
	/* 130 */ { HEAD "91 97 05 05 c400 c41000000000000000000000000000000000 " ONE,
		REJECT_CELL },
	/* 131 */ { HEAD "91 97 05 05 c400 c41000000000000000000000000000000001 " ONE, REJECT_CELL },
	/* 132 */ { HEAD "91 97 05 05 c400 c41000000000000000000000000000000002 " ONE, REJECT_NONE },
	/* the mark of networks */
	/* 133 */ { HEAD "91 97 05 05 c400 c41000000000000000000000fffd00000000 " ONE,
		REJECT_CELL },
	/* 134 */ { HEAD "91 97 05 05 c400 c41000000000000000000000fffd00000001 " ONE, REJECT_NONE },
	/* 135 */ { HEAD "91 97 05 05 c400 c41000000000000000000000fffcffffffff " ONE, REJECT_NONE },
	/* 136 */ { HEAD "91 97 05 05 c400 c41000000000000000000000ffff0a000001 " ONE, REJECT_CELL }, /* mapped */
	/* 137 */ { HEAD "91 97 05 05 c400 c410fe800000000000000000000000000001 " ONE, REJECT_CELL },
	/* 138 */ { HEAD "91 97 05 05 c400 c410fec00000000000000000000000000001 " ONE, REJECT_NONE },
	/* 139 */ { HEAD "91 97 05 05 c400 c410ff020000000000000000000000000001 " ONE, REJECT_CELL },
	/* 140 */ { HEAD "91 97 06 05 c400 c40820010db800000000 " ONE, REJECT_NONE }, /* clients of a /64 */
	/* 141 */ { HEAD "91 97 06 05 c400 c40820010db800000001 " ONE, REJECT_NONE },
	/* 142 */ { HEAD "91 97 06 05 c400 c40720010db8000000 " ONE, REJECT_BODY }, /* 7 bytes */
	/* 143 */ { HEAD "91 97 06 05 c400 c40920010db80000000000 " ONE, REJECT_BODY },
	/* with a destination */
	/* 144 */ { HEAD "91 97 06 05 c41020010db8000000000000000000000080 c40820010db800000000 " ONE,
		REJECT_BODY },
	/* ::/64: reads as a destination of :: */
	/* 145 */ { HEAD "91 97 06 05 c400 c4080000000000000000 " ONE,
		REJECT_CELL },
	/* 146 */ { HEAD "91 97 06 05 c400 c4080000000000000001 " ONE, REJECT_NONE },
	/* 147 */ { HEAD "91 97 06 05 c400 c408fe7fffffffffffff " ONE, REJECT_NONE },
	/* 148 */ { HEAD "91 97 06 05 c400 c408fe80000000000000 " ONE, REJECT_CELL },
	/* 149 */ { HEAD "91 97 06 05 c400 c408febfffffffffffff " ONE, REJECT_CELL },
	/* 150 */ { HEAD "91 97 06 05 c400 c408fec0000000000000 " ONE, REJECT_NONE },
	/* 151 */ { HEAD "91 97 06 05 c400 c408feffffffffffffff " ONE, REJECT_NONE },
	/* 152 */ { HEAD "91 97 06 05 c400 c408ff00000000000000 " ONE, REJECT_CELL },
	/* 153 */ { HEAD "91 97 07 05 c400 c403c63364 " ONE, REJECT_NONE }, /* networks */
	/* 154 */ { HEAD "91 97 07 05 c400 c404c6336400 " ONE, REJECT_BODY }, /* four bytes */
	/* 155 */ { HEAD "91 97 07 05 c400 c402c633 " ONE, REJECT_BODY },
	/* 156 */ { HEAD "91 97 07 05 c404c6336401 c403c63364 " ONE, REJECT_BODY }, /* with a destination */
	/* 157 */ { HEAD "91 97 07 05 c403c63364 c403c63364 " ONE, REJECT_BODY }, /* with a destination of their size */
	/* 158 */ { HEAD "91 97 07 05 c400 c403000000 " ONE, REJECT_NONE }, /* 0.0.0.1 counts */
	/* 159 */ { HEAD "91 97 07 05 c400 c4037effff " ONE, REJECT_NONE },
	/* 160 */ { HEAD "91 97 07 05 c400 c4037f0000 " ONE, REJECT_CELL },
	/* 161 */ { HEAD "91 97 07 05 c400 c4037fffff " ONE, REJECT_CELL },
	/* 162 */ { HEAD "91 97 07 05 c400 c403800000 " ONE, REJECT_NONE },
	/* 163 */ { HEAD "91 97 07 05 c400 c403dfffff " ONE, REJECT_NONE },
	/* 164 */ { HEAD "91 97 07 05 c400 c403e00000 " ONE, REJECT_CELL },
	/* 165 */ { HEAD "91 97 07 05 c400 c403efffff " ONE, REJECT_CELL },
	/* 166 */ { HEAD "91 97 07 05 c400 c403f00000 " ONE, REJECT_NONE },
	/* 167 */ { HEAD "91 97 07 05 c400 c403ffffff " ONE, REJECT_NONE }, /* 255.255.255.254 counts */
	/* 168 */ { HEAD "91 97 07 05 c400 c406c63364c63365 c4020000 c4020101 c4020101", REJECT_NONE },
	/* 169 */ { HEAD "91 97 07 05 c400 c406c63365c63364 c4020000 c4020101 c4020101", REJECT_CELL }, /* descending */
	/* 170 */ { HEAD "91 97 08 05 c400 c40620010db80001 " ONE, REJECT_NONE }, /* networks of IPv6 */
	/* 171 */ { HEAD "91 97 08 05 c400 c40520010db800 " ONE, REJECT_BODY },
	/* 172 */ { HEAD "91 97 08 05 c400 c40720010db8000100 " ONE, REJECT_BODY },
	/* 173 */ { HEAD "91 97 08 05 c400 c406000000000000 " ONE, REJECT_CELL }, /* ::/48 */
	/* 174 */ { HEAD "91 97 08 05 c400 c406000000000001 " ONE, REJECT_NONE },
	/* 175 */ { HEAD "91 97 08 05 c400 c406fe7fffffffff " ONE, REJECT_NONE },
	/* 176 */ { HEAD "91 97 08 05 c400 c406fe8000000000 " ONE, REJECT_CELL },
	/* 177 */ { HEAD "91 97 08 05 c400 c406febfffffffff " ONE, REJECT_CELL },
	/* 178 */ { HEAD "91 97 08 05 c400 c406fec000000000 " ONE, REJECT_NONE },
	/* 179 */ { HEAD "91 97 08 05 c400 c406ff0000000000 " ONE, REJECT_CELL },
	/* the mark as client of a pair */
	/* 180 */ { HEAD "91 97 03 05 c41020010db8000000000000000000000080 c41000000000000000000000fffd00000000 " ONE,
		REJECT_CELL },
	/* a pair without destination */
	/* 181 */ { HEAD "91 97 03 05 c41000000000000000000000000000000000 c41020010db8000000000000000000000001 " ONE,
		REJECT_CELL },
	/* the mark as destination of a pair */
	/* 182 */ { HEAD "91 97 03 05 c41000000000000000000000fffd00000000 c41020010db8000000000000000000000001 " ONE,
		REJECT_CELL },
	/* the mark as destination */
	/* 183 */ { HEAD "91 97 01 05 c400 c41000000000000000000000fffd00000000 " ONE,
		REJECT_CELL },
	/* 184 */ { HEAD "92" GROUP "97 04 05 c400 c4040a000001 " ONE, REJECT_NONE }, /* pairs, then clients */
	/* 185 */ { HEAD "92 97 04 05 c400 c4040a000001 " ONE GROUP, REJECT_BODY }, /* and not the other way */
	/* 186 */ { HEAD "92 97 06 05 c400 c40820010db800000000 " ONE "97 07 05 c400 c403c63364 " ONE, REJECT_NONE },
	/* one group in two */
	/* 187 */ { HEAD "92 97 07 05 c400 c403c63364 " ONE "97 07 05 c400 c403c63365 " ONE,
		REJECT_BODY },
	/* 188 */ { HEAD "92 97 08 05 c400 c40620010db80001 " ONE "97 00 06 c400 c404c6336401 " ONE, REJECT_NONE },
	/* packets and answers */
	/* 189 */ { HEAD "91" PAIR "c4020102", REJECT_NONE }, /* one answer */
	/* 190 */ { HEAD "91" PAIR "c4020103", REJECT_NONE }, /* of TCP */
	/* 191 */ { HEAD "91" PAIR "c4020101", REJECT_CELL }, /* none, of TCP */
	/* 192 */ { HEAD "91" PAIR "c4020100", REJECT_BODY }, /* none: not written */
	/* 193 */ { HEAD "91" PAIR "c403018200", REJECT_BODY }, /* not minimal */
	/* 194 */ { HEAD "91" PAIR "c4020182", REJECT_BODY }, /* not ended */
	/* 195 */ { HEAD "91" PAIR "c403010282", REJECT_BODY },
	/* 196 */ { HEAD "91" PAIR "c40601ffffffff0f", REJECT_NONE }, /* 2^32 - 1 */
	/* 197 */ { HEAD "91" PAIR "c406018080808010", REJECT_BODY }, /* 2^32 */
	/* 198: of two cells, one with answers */
	{ HEAD "91 97 02 05 c404c6336401 c4080a0000010a000002 c4020000 c4020101 c40401000102", REJECT_NONE },
	/* 199: two cells and three numbers */
	{ HEAD "91 97 02 05 c404c6336401 c4080a0000010a000002 c4020000 c4020101 c403010102", REJECT_BODY },
	/* 200: two cells and six */
	{ HEAD "91 97 02 05 c404c6336401 c4080a0000010a000002 c4020000 c4020101 c406010200010200", REJECT_BODY },
	/* 201: answers alone */
	{ HEAD "91 97 02 05 c404c6336401 c4040a000001 c40100 c40100 c4020002", REJECT_NONE },
	/* 202: they have no time */
	{ HEAD "91 97 02 05 c404c6336401 c4040a000001 c40100 c40101 c4020002", REJECT_CELL },
	/* 203 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c40101 c40101 c4020002", REJECT_CELL },
	/* 204: nothing at all, beside a cell with answers */
	{ HEAD "91 97 02 05 c404c6336401 c4080a0000010a000002 c4020000 c4020000 c40401020000", REJECT_CELL },
	/* 205: none written, in the group before another */
	{ HEAD "92" PAIR "c4020100 97 02 05 c404c6336402 c4040a000001 " ONE, REJECT_BODY },
	/* 206: IPv6 */
	{ HEAD "91 97 03 05 c41020010db8000000000000000000000080 c41020010db8000000000000000000000001 "
	       "c40100 c40101 c4020103", REJECT_NONE },
	/* destinations and networks have none */
	/* 207 */ { HEAD "91 97 00 05 c400 c404c6336401 c40100 c40101 c4020102", REJECT_BODY },
	/* 208 */ { HEAD "91 97 07 05 c400 c403c63364 c40100 c40101 c4020102", REJECT_BODY },
	/* contacts and unanswered packets of a client */
	/* 209 */ { HEAD "91" CLIENT "c403010101", REJECT_NONE },
	/* 210 */ { HEAD "91" CLIENT "c4020101", REJECT_NONE }, /* contacts alone */
	/* 211 */ { HEAD "91" CLIENT "c403010001", REJECT_NONE }, /* unanswered alone */
	/* 212 */ { HEAD "91" CLIENT "c403010100", REJECT_BODY }, /* the last one is 0 */
	/* 213 */ { HEAD "91" CLIENT "c403010000", REJECT_BODY },
	/* 214 */ { HEAD "91" CLIENT "c40401010101", REJECT_BODY }, /* one too many */
	/* 215 */ { HEAD "91 97 06 05 c400 c40820010db800000000 c40100 c40101 c403010102", REJECT_NONE },
	/* 216 */ { HEAD "91 97 04 05 c400 c4040a000001 c40100 c40100 c4020001", REJECT_CELL }, /* it sent nothing */
};
/* clang-format on */

static void a_body_has_one_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(forms); i++) {
		uint8_t bytes[256], *exact;
		size_t size = hex_read(forms[i].hex, bytes, sizeof(bytes));
		enum reject reject;

		exact = malloc(size ? size : 1); /* so that a sanitizer sees a read behind the end */
		memcpy(exact, bytes, size);
		reject = frame_check(&every_host, exact, size);
		if (reject != forms[i].reject)
			fail_msg("row %zu: %s", i, reject_names[reject]);
		for (size_t cut = 0; cut < size; cut++) {
			uint8_t *shorter = malloc(cut ? cut : 1);

			memcpy(shorter, bytes, cut);
			if (frame_check(&every_host, shorter, cut) == REJECT_NONE && forms[i].reject == REJECT_NONE)
				fail_msg("row %zu cut to %zu bytes", i, cut);
			free(shorter);
		}
		free(exact);
	}
}

#define TO " c41020010db8000000000000000000000080 c410"

/* clang-format off */
static const struct {
	const char *hex;
	enum reject by_default, by_the_list; /* with 2001:db8:0:1::/64 and 2001:db8:0:2::1:0/112 */
} clients[] = {
	/*  0 */ { HEAD "91 97 03 05" TO "20010db8000000010000000000000000 " ONE, REJECT_NONE, REJECT_NONE },
	/*  1 */ { HEAD "91 97 03 05" TO "20010db8000000010000000000000001 " ONE, REJECT_CLIENT, REJECT_NONE },
	/*  2 */ { HEAD "91 97 03 05" TO "20010db800000001ffffffffffffffff " ONE, REJECT_CLIENT, REJECT_NONE },
	/*  3 */ { HEAD "91 97 03 05" TO "20010db80000000000000000ffffffff " ONE, REJECT_CLIENT, REJECT_CLIENT },
	/*  4 */ { HEAD "91 97 03 05" TO "20010db8000000008000000000000000 " ONE, REJECT_CLIENT, REJECT_CLIENT },
	/*  5 */ { HEAD "91 97 03 05" TO "20010db8000000020000000000000000 " ONE, REJECT_NONE, REJECT_NONE },
	/*  6 */ { HEAD "91 97 03 05" TO "20010db800000002000000000000ffff " ONE, REJECT_CLIENT, REJECT_CLIENT },
	/*  7 */ { HEAD "91 97 03 05" TO "20010db8000000020000000000010000 " ONE, REJECT_CLIENT, REJECT_NONE },
	/*  8 */ { HEAD "91 97 03 05" TO "20010db800000002000000000001ffff " ONE, REJECT_CLIENT, REJECT_NONE },
	/*  9 */ { HEAD "91 97 03 05" TO "20010db8000000020000000000020000 " ONE, REJECT_CLIENT, REJECT_CLIENT },
	/* 10 */ { HEAD "91 97 03 05" TO "00000000000000000000fffe00000000 " ONE, REJECT_NONE, REJECT_NONE }, /* :: */
	/* 11 */ { HEAD "91 97 03 05" TO "00000000000000000000fffe0a000001 " ONE, REJECT_CLIENT, REJECT_CLIENT },
	/* 12 */ { HEAD "91 97 03 05" TO "00000000000000000000000000000005 " ONE, REJECT_CLIENT, REJECT_CLIENT },
	/* 13: of fe80::/64 */
	{ HEAD "91 97 03 05" TO "00800000000000000000000000000000 " ONE, REJECT_NONE, REJECT_NONE },
	/* 14 */ { HEAD "91 97 03 05" TO "00800000000000000000000000000001 " ONE, REJECT_CLIENT, REJECT_CLIENT },
	/* clients over all their destinations */
	/* 15 */ { HEAD "91 97 05 05 c400 c41020010db8000000000000000000000001 " ONE, REJECT_CLIENT, REJECT_CLIENT },
	/* 16 */ { HEAD "91 97 05 05 c400 c41020010db8000000010000000000000001 " ONE, REJECT_CLIENT, REJECT_NONE },
	/* 17 */ { HEAD "91 97 06 05 c400 c40820010db800000001 " ONE, REJECT_NONE, REJECT_NONE },
	/* 18 */ { HEAD "91 97 06 05 c400 c40820010db800000000 " ONE, REJECT_NONE, REJECT_NONE },
	/* 19: what has another fault too has that one */
	{ HEAD "91 97 03 05" TO "20010db8000000000000000000000001 c40102 c40101 c40101", REJECT_CELL, REJECT_CELL },
	/* 20: destinations are hosts, and IPv4 clients addresses */
	{ HEAD "91 97 01 05 c400 c41020010db8000000000000000000000001 " ONE, REJECT_NONE, REJECT_NONE },
	/* 21 */ { HEAD "91" GROUP, REJECT_NONE, REJECT_NONE },
	/* 22: in the second cell */
	{ HEAD "91 97 03 05 c41020010db8000000000000000000000080 c42020010db800000003000000000000000020010db8"
	       "000000040000000000000001 c4020000 c4020101 c4020101", REJECT_CLIENT, REJECT_CLIENT },
};
/* clang-format on */

static void a_client_is_whole(void **state)
{
	struct widths widths[2] = { WIDTHS_DEFAULT, WIDTHS_DEFAULT };
	struct prefix hosts[2] = { { { { 0x20, 0x01, 0x0d, 0xb8, [7] = 1 } }, 64 },
				   { { { 0x20, 0x01, 0x0d, 0xb8, [7] = 2, [13] = 1 } }, 112 } };

	(void)state;
	assert_int_equal(widths_add_hosts(&widths[1], &hosts[1]), 0);
	assert_int_equal(widths_add_hosts(&widths[1], &hosts[0]), 0);
	for (size_t i = 0; i < ROWS(clients); i++) {
		uint8_t bytes[256];
		const size_t size = hex_read(clients[i].hex, bytes, sizeof(bytes));
		const enum reject one = frame_check(&widths[0], bytes, size);
		const enum reject other = frame_check(&widths[1], bytes, size);

		if (one != clients[i].by_default || other != clients[i].by_the_list)
			fail_msg("row %zu: %s, %s", i, reject_names[one], reject_names[other]);
	}
}

static void hostile_bodies_of_full_size_end_at_once(void **state)
{
	static uint8_t body[DATAGRAM_BYTES_MAX + 1];
	static const struct {
		uint8_t fill;
		const char *start;
	} rows[] = {
		{ 0x91, "" }, /* nested arrays all the way */
		{ 0x97, "" },
		{ 0xdd, "" },
		{ 0xdf, "" },
		{ 0xff, "" },
		{ 0x91, HEAD },
		{ 0x97, HEAD "dc ffff" },
		{ 0x00, HEAD "dc ffff" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		memset(body, rows[i].fill, sizeof(body));
		hex_read(rows[i].start, body, sizeof(body));
		assert_int_equal(frame_check(&every_host, body, DATAGRAM_BYTES_MAX), REJECT_BODY);
	}
}

static size_t put_column(uint8_t *at, uint8_t fill, size_t size)
{
	const uint8_t header[] = { 0xc4, (uint8_t)size };

	memcpy(at, header, sizeof(header));
	memset(at + sizeof(header), fill, size);
	return sizeof(header) + size;
}

static void a_body_longer_than_any_datagram_is_refused(void **state)
{
	(void)state;
	for (size_t cells = 200; cells <= 206; cells++) {
		uint8_t body[2000];
		size_t size = hex_read(HEAD "91 97 00 05 c400 c5", body, sizeof(body));

		body[size++] = (uint8_t)(cells * 4 >> 8);
		body[size++] = (uint8_t)(cells * 4);
		for (size_t i = 0; i < cells; i++, size += 4)
			memcpy(body + size, (const uint8_t[]){ 10, 0, 0, (uint8_t)i }, 4);
		size += put_column(body + size, 0, cells);
		size += put_column(body + size, 1, cells);
		size += put_column(body + size, 1, cells);
		assert_int_equal(frame_check(&every_host, body, size),
				 size <= DATAGRAM_BYTES_MAX ? REJECT_NONE : REJECT_BODY);
	}
}

static int start(void **state)
{
	(void)state;
	return sodium_init() < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_has_one_form),
		cmocka_unit_test(a_client_is_whole),
		cmocka_unit_test(hostile_bodies_of_full_size_end_at_once),
		cmocka_unit_test(a_body_longer_than_any_datagram_is_refused),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
