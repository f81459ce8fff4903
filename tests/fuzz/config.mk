# SPDX-License-Identifier: BSD-2-Clause
# Fuzz targets of src/config.
