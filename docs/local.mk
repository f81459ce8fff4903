# SPDX-License-Identifier: BSD-2-Clause
# Manual pages and documents that are installed, and what else belongs into the tarball.
dist_man_MANS += docs/nfacctd.8 docs/sfacctd.8 docs/pmacctd.8 docs/pmbmpd.8 docs/pmtelemetryd.8 docs/pmacct.1
dist_doc_DATA += README.md ARCHITECTURE.md HACKING.md SECURITY.md LICENSE docs/differences.md docs/maps.md docs/performance.md docs/reliability.md docs/fuzzing.md docs/quickstart.md docs/recipes.md docs/scaling.md docs/troubleshooting.md docs/tuning.md docs/switching.md
examplesdir = $(docdir)/examples
dist_examples_DATA = \
	examples/nfacctd-memory.conf examples/nfacctd-queue.conf examples/nfacctd-print-json.conf examples/nfacctd-replay.conf examples/nfacctd-sqlite3.conf \
	examples/nfacctd-pgsql.conf examples/nfacctd-mysql.conf examples/nfacctd-kafka.conf examples/clickhouse.sql \
	examples/nfacctd-dtls.conf examples/nfacctd-tee.conf examples/nfacctd-tee.receivers examples/nfacctd-balance.conf examples/nfacctd-balance.receivers examples/nfacctd-workers.conf \
	examples/pmacctd-interfaces.conf examples/pmacctd-interfaces.map examples/pmacctd-nfprobe.conf examples/pmacctd-print.conf examples/pmacctd-sfprobe.conf examples/pmacctd-sqlite3.conf \
	examples/pmacctd-tunnels.conf \
	examples/sfacctd-counters.conf examples/sfacctd-memory.conf \
	examples/uacctd-memory.conf examples/uacctd-nfprobe.conf examples/uacctd.nft
if WITH_NFLOG
dist_man_MANS += docs/uacctd.8
else
EXTRA_DIST += docs/uacctd.8
endif
EXTRA_DIST += dev .clang-format .clang-tidy .ci/run examples/demo.sh packaging tests/system tests/lint tests/tally.py
dist_examples_DATA += examples/nfacctd-customers.conf examples/pretag.map examples/networks.lst
dist_examples_DATA += examples/pmtelemetryd-files.conf
dist_man_MANS += docs/pmbgpd.8
if WITH_ZMQ
dist_man_MANS += docs/pmbgp.1
else
EXTRA_DIST += docs/pmbgp.1
endif
dist_examples_DATA += examples/pmbgpd-tables.conf
dist_examples_DATA += examples/pmbmpd-files.conf
dist_doc_DATA += docs/web-api.md
dist_doc_DATA += docs/live-page-light.png docs/live-page-dark.png
dist_examples_DATA += examples/prometheus.yml examples/prometheus-alerts.yml examples/prometheus-alerts-test.yml examples/grafana-dashboard.json
bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = packaging/completion/pmacct.bash

# bash looks for a file of the program's name.
install-data-hook:
	cd $(DESTDIR)$(bashcompletiondir) && mv pmacct.bash pmacct && for p in nfacctd sfacctd pmacctd uacctd pmbgpd pmbmpd pmtelemetryd; do ln -sf pmacct $$p; done
uninstall-hook:
	cd $(DESTDIR)$(bashcompletiondir) 2>/dev/null && rm -f pmacct nfacctd sfacctd pmacctd uacctd pmbgpd pmbmpd pmtelemetryd || true
