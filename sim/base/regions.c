/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of cities and the rule for round trips. */
#include "regions.h"

#include <math.h>
#include <string.h>

#define KM_PER_MS 75
#define EARTH_KM 6371
#define LOCAL_MS 0.5

const char *const region_names[REGIONS_COUNT] = { "ams", "fra", "lhr", "cdg", "arn", "iad", "ewr", "ord", "dfw", "lax",
						  "sjc", "yyz", "gru", "scl", "jnb", "bom", "sin", "nrt", "syd" };

static const struct {
	double latitude, longitude; /* degrees */
} places[REGIONS_COUNT] = {
	{ 52.37, 4.90 },    /* Amsterdam */
	{ 50.11, 8.68 },    /* Frankfurt */
	{ 51.51, -0.13 },   /* London */
	{ 48.86, 2.35 },    /* Paris */
	{ 59.33, 18.07 },   /* Stockholm */
	{ 38.95, -77.45 },  /* Ashburn */
	{ 40.74, -74.17 },  /* Newark */
	{ 41.88, -87.63 },  /* Chicago */
	{ 32.78, -96.80 },  /* Dallas */
	{ 34.05, -118.24 }, /* Los Angeles */
	{ 37.34, -121.89 }, /* San Jose */
	{ 43.65, -79.38 },  /* Toronto */
	{ -23.55, -46.63 }, /* Sao Paulo */
	{ -33.45, -70.67 }, /* Santiago */
	{ -26.20, 28.05 },  /* Johannesburg */
	{ 19.08, 72.88 },   /* Mumbai */
	{ 1.35, 103.82 },   /* Singapore */
	{ 35.68, 139.69 },  /* Tokyo */
	{ -33.87, 151.21 }, /* Sydney */
};

int region_find(const char *name)
{
	for (int i = 0; i < REGIONS_COUNT; i++) {
		if (strcmp(region_names[i], name) == 0)
			return i;
	}
	return -1;
}

double region_round_trip_ms(unsigned int a, unsigned int b)
{
	const double degree = acos(-1) / 180;
	const double north = sin((places[b].latitude - places[a].latitude) * degree / 2);
	const double east = sin((places[b].longitude - places[a].longitude) * degree / 2);
	const double chord = north * north +
			     cos(places[a].latitude * degree) * cos(places[b].latitude * degree) * east * east;

	return a == b ? LOCAL_MS : 2 * EARTH_KM * asin(sqrt(chord)) / KM_PER_MS + LOCAL_MS;
}
