package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"time"

	"outturn"
	"outturn/client"
	"outturn/internal/server/servertest"
)

// connect is client.New with the address and credentials of a server of our own. Where
// yours come from is yours to say.
func connect() *client.Client { return connectWith(shop.cred) }

func connectWith(cred servertest.Credential) *client.Client {
	c, err := client.New(client.Config{URL: shop.URL(), ClientID: cred.ID, ClientSecret: cred.Secret})
	if err != nil {
		log.Fatal(err)
	}
	return c
}

// A run is made, watched and downloaded.
func Example() {
	ctx := context.Background()
	c := connect()

	run, err := c.CreateRun(ctx, client.RunInput{
		Dataset: "payments",
		Window:  &client.Window{From: "2026-09-01", To: "2026-10-01", Zone: "Europe/Berlin"},
		Formats: []outturn.Output{{Format: "csv", Compression: "gzip"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(run.Name, "is", run.State)

	for now, err := range c.WatchRun(ctx, run.ID) {
		if err != nil {
			log.Fatal(err)
		}
		run = now // its phase and its progress, each time they change
	}
	if run.State != outturn.RunSucceeded {
		log.Fatal(run.Reason.Message)
	}

	var content bytes.Buffer // or a file
	for _, file := range run.Files {
		if err := c.Download(ctx, file, &content); err != nil {
			log.Fatal(err)
		}
		fmt.Println(run.State, file.Format, file.Compression, int64(content.Len()) == file.Bytes)
	}
	// Output:
	// payments is queued
	// succeeded csv gzip true
}

// The dictionary of a data set says what there is to ask for.
func ExampleClient_Dataset() {
	d, err := connect().Dataset(context.Background(), "payments")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Views)
	for _, f := range d.Fields {
		if f.Additive {
			fmt.Println(f.Name, f.Type, f.Scale, "in", f.Currency)
			break
		}
	}
	// Output:
	// [full cmp]
	// CUSTOMER_PAYMENT_TOTAL decimal 8 in CUSTOMER_PAYMENT_CURRENCY_ID
}

// A preview has the first rows, and the totals of all.
func ExampleClient_Preview() {
	p, err := connect().Preview(context.Background(), client.RunInput{
		Dataset: "payments",
		Columns: []string{"CUSTOMER_PAYMENT_CURRENCY_ID", "CUSTOMER_PAYMENT_TOTAL"},
		Filter:  "CUSTOMER_PAYMENT_CURRENCY_ID eq EUR",
		Order:   []outturn.Order{{Field: "CUSTOMER_PAYMENT_TOTAL", Desc: true}},
		Window:  &client.Window{From: "2026-01-01", To: "2027-01-01", Zone: "UTC"},
	})
	if err != nil {
		log.Fatal(err)
	}
	var row map[string]string
	if err := json.Unmarshal(p.Rows[0], &row); err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.RowCount, "rows, together", p.Totals["CUSTOMER_PAYMENT_TOTAL"]["EUR"])
	fmt.Println("the largest is", row["CUSTOMER_PAYMENT_TOTAL"])
	// Output:
	// 14 rows, together 1816.19000000
	// the largest is 573.72000000
}

// A list has pages.
func ExampleClient_Runs() {
	ctx := context.Background()
	c := connect()
	for range 3 {
		if _, err := c.CreateRun(ctx, client.RunInput{Dataset: "accounts", Name: "listed", Formats: []outturn.Output{{Format: "csv"}}}); err != nil {
			log.Fatal(err)
		}
	}
	n := 0
	for in := (client.ListInput{Filter: "name eq listed", Order: "created_at desc", Limit: 2}); ; {
		page, err := c.Runs(ctx, in)
		if err != nil {
			log.Fatal(err)
		}
		n += len(page.Items)
		if in.Cursor = page.Next; in.Cursor == "" {
			break
		}
	}
	fmt.Println(n)
	// Output: 3
}

// Who did what is on record, for an admin.
func ExampleClient_Audit() {
	ctx := context.Background()
	run, err := connect().CreateRun(ctx, client.RunInput{Dataset: "accounts", Formats: []outturn.Output{{Format: "csv"}}})
	if err != nil {
		log.Fatal(err)
	}
	admin, err := shop.AddClient(ctx, shop.tenant.ID, outturn.RoleAdmin)
	if err != nil {
		log.Fatal(err)
	}
	c, err := client.New(client.Config{URL: shop.URL(), ClientID: admin.ID, ClientSecret: admin.Secret})
	if err != nil {
		log.Fatal(err)
	}
	page, err := c.Audit(ctx, client.ListInput{Filter: "object eq '" + run.ID + "'"})
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range page.Items {
		fmt.Println(e.Action, e.Detail["dataset"], e.Outcome, e.Subject == run.CreatedBy)
	}
	// Output: run.create accounts ok true
}

// A run that is not wanted any more is cancelled. Cancelling one that has ended is a
// conflict.
func ExampleClient_CancelRun() {
	ctx := context.Background()
	c := connect()
	run, err := c.CreateRun(ctx, client.RunInput{Dataset: "provisioned_orders", Formats: []outturn.Output{{Format: "xlsx"}}})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := c.CancelRun(ctx, run.ID); err != nil {
		log.Fatal(err)
	}
	if run, err = c.WaitRun(ctx, run.ID); err != nil {
		log.Fatal(err)
	}
	fmt.Println(run.State)
	// Output: cancelled
}

// An admin gives a program credentials of the kind that it speaks.
func ExampleClient_CreateClient() {
	ctx := context.Background()
	c, err := client.New(client.Config{URL: shop.URL(), ClientID: shop.admin.ID, ClientSecret: shop.admin.Secret})
	if err != nil {
		log.Fatal(err)
	}
	made, shown, err := c.CreateClient(ctx, client.ClientInput{Name: "price list", Role: outturn.RoleViewer, Kind: outturn.ClientAPIKey})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(made.Kind, made.Role, len(shown.APIKey), shown) // to print it by accident does no harm

	// The new key is good at once, the old one for an hour yet.
	if _, shown, err = c.RotateClient(ctx, made.ID, time.Hour); err != nil {
		log.Fatal(err)
	}
	if err := c.RevokeClient(ctx, made.ID); err != nil {
		log.Fatal(err)
	}
	made, err = c.Client(ctx, made.ID)
	fmt.Println(len(shown.APIKey), !made.RevokedAt.IsZero(), err)
	// Output:
	// apikey viewer 65 ***
	// 65 true <nil>
}

// Of a refusal, each fault names its field.
func ExampleClient_CreateRun_refused() {
	_, err := connect().CreateRun(context.Background(), client.RunInput{Dataset: "paymnts", Formats: []outturn.Output{{Format: "csv"}}})
	fmt.Println(outturn.ErrorCode(err))
	for _, fault := range outturn.Faults(err) {
		fmt.Println(fault.Field, "-", fault.Message)
	}
	var refused *outturn.Error
	fmt.Println(errors.As(err, &refused))
	// Output:
	// invalid_parameters
	// dataset - There is no data set "paymnts". Did you mean payments?
	// true
}

// A reseller's customer gets a place of its own, with limits, and can be suspended.
func ExampleClient_CreateTenant() {
	ctx := context.Background()
	c := connectWith(shop.admin)
	most := int64(2)
	tenant, err := c.CreateTenant(ctx, client.TenantInput{
		Kind: outturn.KindCustomer, Name: "Blue Harbour", Zone: "Europe/Warsaw", Currency: "PLN",
		Limits: &outturn.Limits{Running: &most},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tenant.Name, "is", tenant.State, "with limits", tenant.Limits)
	usage, err := c.Usage(ctx, tenant.ID)
	fmt.Println(usage.Usage.Running, "of", *usage.Limits.Running, "at work,", err)
	if tenant, err = c.SuspendTenant(ctx, tenant.ID); err != nil {
		log.Fatal(err)
	}
	fmt.Println(tenant.Name, "is", tenant.State)
	if err := c.DeleteTenant(ctx, tenant.ID); err != nil {
		log.Fatal(err)
	}
	_, err = c.Tenant(ctx, tenant.ID)
	fmt.Println(outturn.ErrorCode(err))
	// Output:
	// Blue Harbour is active with limits running=2
	// 0 of 2 at work, <nil>
	// Blue Harbour is suspended
	// not_found
}

// A generator makes a run each month. Applied again it is the same one.
func ExampleClient_ApplyGenerator() {
	ctx := context.Background()
	c := connect()
	spec := client.GeneratorInput{
		Name: "Provisioned orders", Dataset: "provisioned_orders", Formats: []client.Format{{Output: outturn.Output{Format: "xlsx"}}},
		Window: &outturn.WindowRule{Kind: outturn.WindowPrevious, Unit: outturn.UnitMonth},
		Trigger: outturn.Trigger{Kind: outturn.TriggerSchedule, Schedule: &outturn.Recurrence{
			Every: outturn.UnitMonth, Nth: 2, Of: "business_day", At: "06:00", Zone: "Europe/Warsaw", Start: "2030-01-01",
		}},
		Deliveries: []outturn.Destination{{Kind: outturn.DestinationEmail, To: []string{"finance@example.com"}}},
	}
	draft, err := c.DraftApply(ctx, spec) // nothing is kept
	if err != nil {
		log.Fatal(err)
	}
	for _, u := range draft.Upcoming[:2] {
		fmt.Println(u.At.Format(time.RFC3339), "is", u.Local.Format("Monday 2 January, 15:04"), "in", u.Zone, "for", u.Window.From.Format("January"))
	}
	var g client.Generator
	for range 2 {
		if g, err = c.ApplyGenerator(ctx, spec); err != nil {
			log.Fatal(err)
		}
		fmt.Println(g.Applied, g.Revision, g.State)
	}
	run, err := c.RunGenerator(ctx, g.ID) // now; the schedule stays as it is
	if err != nil {
		log.Fatal(err)
	}
	run, err = c.WaitRun(ctx, run.ID)
	fmt.Println(run.State, run.Cause, err)
	err = c.DeleteGenerator(ctx, g.ID, g.Revision)
	fmt.Println(err)
	// Output:
	// 2030-01-02T05:00:00Z is Wednesday 2 January, 06:00 in Europe/Warsaw for December
	// 2030-02-04T05:00:00Z is Monday 4 February, 06:00 in Europe/Warsaw for January
	// created 1 active
	// unchanged 1 active
	// succeeded manual <nil>
	// <nil>
}
