package server

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"outturn"
	"outturn/internal/store"
)

// ofGenerators collects what there is of generators alone.
type ofGenerators struct {
	*metrics
	ledger *store.Store
}

func (o ofGenerators) Collect(ch chan<- prometheus.Metric) {
	stats, err := o.ledger.Stats(context.Background())
	if err != nil {
		ch <- prometheus.NewInvalidMetric(lateDesc, err)
	}
	o.collectGenerators(ch, stats)
}

// What an alarm hangs on (P25): how late the generator is that is due for the longest
// time, while nobody fires.
func TestP25Overdue(t *testing.T) {
	now := time.Date(2026, 11, 25, 6, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	ledger, err := store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "ledger.db"), Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	tenant, err := ledger.CreateTenant(t.Context(), outturn.Tenant{Kind: outturn.KindProvider, Name: "Provider"}, outturn.AuditEntry{})
	if err != nil {
		t.Fatal(err)
	}
	for name, due := range map[string]time.Time{"first": now.Add(time.Hour), "second": now.Add(2 * time.Hour), "by hand": {}} {
		_, err := ledger.CreateGenerator(t.Context(), outturn.Generator{
			ID: outturn.NewID(now), Tenant: tenant.ID, GeneratorSpec: outturn.GeneratorSpec{Name: name, Trigger: outturn.Trigger{Kind: outturn.TriggerSchedule}}, Revision: 1, State: outturn.GeneratorActive, NextAt: due,
		}, outturn.AuditEntry{})
		if err != nil {
			t.Fatal(err)
		}
	}
	m := &metrics{now: clock}
	for _, tt := range []struct{ pass, late time.Duration }{{0, 0}, {time.Hour, 0}, {121 * time.Second, 121 * time.Second}, {time.Hour, time.Hour + 121*time.Second}} {
		now = now.Add(tt.pass)
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(ofGenerators{m, ledger})
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := -1.0
		for _, f := range families {
			if f.GetName() == "outturn_schedule_overdue_seconds" {
				got = f.GetMetric()[0].GetGauge().GetValue()
			}
		}
		if got != tt.late.Seconds() {
			t.Errorf("at %s it is %v s late, want %s", now, got, tt.late)
		}
	}
}
