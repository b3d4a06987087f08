package server

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"outturn"
	"outturn/internal/delivery"
	"outturn/internal/edge"
	"outturn/internal/runner"
	"outturn/internal/store"
)

// metrics are what an operator's monitoring asks for. The ledger is asked when it
// asks, so that nothing is counted twice and a restart forgets nothing.
type metrics struct {
	folder      *Folder
	runner      *runner.Runner
	delivery    *delivery.Worker
	certificate *certificate // nil without TLS
	now         func() time.Time
}

var (
	runsDesc     = prometheus.NewDesc("outturn_runs", "Runs by state.", []string{"state"}, nil)
	failedDesc   = prometheus.NewDesc("outturn_runs_failed", "Failed runs by reason.", []string{"reason"}, nil)
	oldestDesc   = prometheus.NewDesc("outturn_queue_oldest_seconds", "Age of the oldest run that waits for a worker.", nil, nil)
	lapsedDesc   = prometheus.NewDesc("outturn_lease_expiries_total", "Leases that ran out, seen by this process.", nil, nil)
	openDesc     = prometheus.NewDesc("outturn_uploads_open", "Files being written by this process.", nil, nil)
	sealDesc     = prometheus.NewDesc("outturn_audit_unsealed", "Entries of the audit that no block seals yet.", nil, nil)
	standDesc    = prometheus.NewDesc("outturn_generators", "Generators by state.", []string{"state"}, nil)
	firedDesc    = prometheus.NewDesc("outturn_firings_total", "Firings of generators by outcome: run, or why they were skipped.", []string{"outcome"}, nil)
	lateDesc     = prometheus.NewDesc("outturn_schedule_overdue_seconds", "How long the generator has been due that is due for the longest time. More than 120 is an alarm.", nil, nil)
	eventsDesc   = prometheus.NewDesc("outturn_events_waiting", "Events whose generators have not all fired.", nil, nil)
	eventAgeDesc = prometheus.NewDesc("outturn_events_oldest_seconds", "Age of the oldest of them.", nil, nil)
	waitDesc     = prometheus.NewDesc("outturn_ledger_wait_seconds_total", "Time that this process waited for a connection to the ledger.", nil, nil)
	expiryDesc   = prometheus.NewDesc("outturn_tls_expiry_timestamp_seconds", "When the certificate in force expires, in Unix time.", nil, nil)
	tellDesc     = prometheus.NewDesc("outturn_deliveries_waiting", "Messages that are not delivered yet, and not given up.", nil, nil)
	retryDesc    = prometheus.NewDesc("outturn_deliveries_retrying", "Of those, messages that were tried before.", nil, nil)
	untoldDesc   = prometheus.NewDesc("outturn_deliveries_oldest_seconds", "Age of the oldest message that waits.", nil, nil)
	failedMail   = prometheus.NewDesc("outturn_deliveries_given_up_total", "Messages that this process has given up.", nil, nil)
)

// mostScrape is how long a scrape may wait for the ledger.
const mostScrape = 5 * time.Second

func (m *metrics) handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		edge.Protect(w.Header())
		mux.ServeHTTP(w, r)
	})
}

// Describe is of prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{runsDesc, failedDesc, oldestDesc, lapsedDesc, openDesc, sealDesc, standDesc, firedDesc, lateDesc, eventsDesc, eventAgeDesc, waitDesc, expiryDesc, tellDesc, retryDesc, untoldDesc, failedMail} {
		ch <- d
	}
}

// Collect is of prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), mostScrape)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	stats, err := m.folder.Ledger.Stats(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(runsDesc, err)
	} else {
		for _, state := range outturn.RunStates {
			gauge(runsDesc, float64(stats.Runs[state]), string(state))
		}
		for code, n := range stats.Failed {
			gauge(failedDesc, float64(n), string(code))
		}
		age := 0.0
		if !stats.OldestQueued.IsZero() {
			age = m.now().Sub(stats.OldestQueued).Seconds()
		}
		gauge(oldestDesc, age)
		gauge(sealDesc, float64(stats.Unsealed))
		m.collectGenerators(ch, stats)
	}
	waiting, oldest, err := m.folder.Ledger.EventBacklog(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(eventsDesc, err)
	} else {
		age := 0.0
		if waiting > 0 {
			age = m.now().Sub(oldest).Seconds()
		}
		gauge(eventsDesc, float64(waiting))
		gauge(eventAgeDesc, age)
	}
	if told, err := m.folder.Ledger.DeliveryStats(ctx); err != nil {
		ch <- prometheus.NewInvalidMetric(tellDesc, err)
	} else {
		age := 0.0
		if !told.Oldest.IsZero() {
			age = m.now().Sub(told.Oldest).Seconds()
		}
		gauge(tellDesc, float64(told.Waiting))
		gauge(retryDesc, float64(told.Late))
		gauge(untoldDesc, age)
	}
	ch <- prometheus.MustNewConstMetric(failedMail, prometheus.CounterValue, float64(m.delivery.GivenUp()))
	if m.certificate != nil {
		gauge(expiryDesc, float64(m.certificate.expiry().Unix()))
	}
	counts := m.runner.Counts()
	gauge(openDesc, float64(counts.Uploads))
	ch <- prometheus.MustNewConstMetric(lapsedDesc, prometheus.CounterValue, float64(counts.Lapses))
	ch <- prometheus.MustNewConstMetric(waitDesc, prometheus.CounterValue, m.folder.Ledger.Waited().Seconds())
}

func (m *metrics) collectGenerators(ch chan<- prometheus.Metric, stats store.Stats) {
	for state, n := range stats.Generators {
		ch <- prometheus.MustNewConstMetric(standDesc, prometheus.GaugeValue, float64(n), string(state))
	}
	for why, n := range stats.Firings {
		if why == "" {
			why = "run"
		}
		ch <- prometheus.MustNewConstMetric(firedDesc, prometheus.CounterValue, float64(n), why)
	}
	late := 0.0
	if !stats.OldestDue.IsZero() {
		late = m.now().Sub(stats.OldestDue).Seconds()
	}
	ch <- prometheus.MustNewConstMetric(lateDesc, prometheus.GaugeValue, late)
}
