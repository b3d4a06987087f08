package api

import (
	"context"
	"net/http"

	"outturn"
	"outturn/internal/reporting"
)

func (a *API) registerGeneratorRuns() {
	r := func(id, method, path, summary string, status int, errors ...int) route {
		return route{id: id, method: method, path: path, summary: summary, status: status, errors: errors, tags: []string{"Generators"}}
	}
	run := r("runGenerator", http.MethodPost, "/v1/generators/{id}/run", "Make a run of a generator now", http.StatusAccepted, 404, 409)
	run.about = "Its schedule stays as it is. It also runs one that is disabled."
	handle(a, run, a.runGenerator)
	backfill := r("backfillGenerator", http.MethodPost, "/v1/generators/{id}/backfill", "Make a run for each window of a time that is over", http.StatusAccepted, 404, 409)
	backfill.about = "One run for each of its windows that lies whole between `from` and `to`, the oldest first, after all other runs. " +
		"With `dry_run` nothing is kept: the answer is 200, with the windows."
	handle(a, backfill, a.backfillGenerator)
	const path = "/v1/generators/{id}/backfill"
	// That the body is read as it came, for its fingerprint, is nothing to describe.
	delete(a.huma.OpenAPI().Paths[path].Post.RequestBody.Content, "application/octet-stream")
	alsoAnswers(a.huma.OpenAPI().Paths[path].Post, http.StatusAccepted, http.StatusOK, "Nothing was kept.")
}

type runGeneratorInput struct {
	IDInput
	Key string `header:"Idempotency-Key" maxLength:"255" doc:"The same key again, within a day, is the same run."`
	// Body has no members: nothing of what a generator says is another for one run, and who
	// tries is not to take the run for what was asked.
	Body *struct{} `doc:"Nothing, or an empty object. For a window of the past there is backfill."`
}

// POST /v1/generators/{id}/run
func (a *API) runGenerator(ctx context.Context, p outturn.Principal, in *runGeneratorInput) (*createdRun, error) {
	sum := ""
	if in.Key != "" {
		sum = fingerprint(http.MethodPost, "/v1/generators/"+in.ID+"/run", nil)
	}
	r, err := a.Service.RunGenerator(ctx, p, in.ID, in.Key, sum)
	if err != nil {
		return nil, err
	}
	return created(r), nil
}

type backfillInput struct {
	IDInput
	DryRun
	Key  string `header:"Idempotency-Key" maxLength:"255" doc:"The same key and body again, within a day, are the same runs."`
	Body struct {
		From string `json:"from" example:"2026-01-01" doc:"A day, a time in the zone or an instant."`
		To   string `json:"to" example:"2026-07-01" doc:"Exclusive, and over."`
	}
	RawBody []byte
}

// A backfillAnswer has no more than the runs, once they are made: the same request gets
// the same answer, byte for byte.
type backfillAnswer struct {
	Status int
	Body   struct {
		Windows []forecastJSON `json:"windows,omitempty" doc:"Of a dry run: the windows, the oldest first, each with when it would have fired."`
		Runs    []runJSON      `json:"runs,omitempty" doc:"The run of each window, the oldest first; absent where nothing was kept."`
	}
}

// POST /v1/generators/{id}/backfill
func (a *API) backfillGenerator(ctx context.Context, p outturn.Principal, in *backfillInput) (*backfillAnswer, error) {
	g, err := a.Service.Generator(ctx, p, in.ID)
	if err != nil {
		return nil, err
	}
	input := reporting.BackfillInput{Generator: in.ID, From: in.Body.From, To: in.Body.To, DryRun: in.DryRun.DryRun}
	if in.Key != "" {
		input.Key, input.Fingerprint = in.Key, fingerprint(http.MethodPost, "/v1/generators/"+in.ID+"/backfill", in.RawBody)
	}
	list, runs, err := a.Service.Backfill(ctx, p, input)
	if err != nil {
		return nil, err
	}
	answer := &backfillAnswer{Status: http.StatusAccepted}
	if in.DryRun.DryRun {
		answer.Status, answer.Body.Windows = http.StatusOK, forecasts(g, list)
	}
	for _, r := range runs {
		answer.Body.Runs = append(answer.Body.Runs, created(r).Body)
	}
	return answer, nil
}
