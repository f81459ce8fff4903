# SPDX-License-Identifier: BSD-2-Clause
EXTRA_DIST += src/rib/attrs.h src/rib/rib.h
