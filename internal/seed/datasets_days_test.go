package seed_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"outturn"
)

// Days that are given as a number and as a date are the same days in any zone: the
// number is where the day begins there, which is also where a window of that day
// begins. In Beirut clocks skip the midnight of 31 March 2024.
func TestDaysAsNumbers(t *testing.T) {
	db := openSeeded(t)
	pairs := []struct{ dataset, number, date string }{
		{"subscriptions", "SUBSCRIPTION_START_DATE_INT", "SUBSCRIPTION_START_DATE"},
		{"subscriptions", "SUBSCRIPTION_EXP_DATE_INT", "SUBSCRIPTION_EXP_DATE"},
		{"subscriptions", "SUBSCRIPTION_LAST_BILLING_DATE_INT", "SUBSCRIPTION_LAST_BILLING_DATE"},
		{"subscriptions", "SUBSCRIPTION_NEXT_BILLING_DATE_INT", "SUBSCRIPTION_NEXT_BILLING_DATE"},
		{"accounts", "ACCOUNT_CREATION_DATE_INT", "ACCOUNT_CREATION_DATE"},
		{"payments", "CUSTOMER_PAYMENT_DOCUMENT_DATE", "CAST(timezone(@zone, document_at) AS DATE)"},
	}
	for _, zone := range []string{"UTC", "America/Sao_Paulo", "Pacific/Tongatapu", "Asia/Beirut", "Asia/Kathmandu"} {
		for _, p := range pairs {
			sql := loadDataset(t, p.dataset).selectIn(zone, "1", "PROVIDER")
			days := db.all("SELECT DISTINCT " + strings.ReplaceAll(p.date, "@zone", "'"+zone+"'") + ", " + p.number + " FROM (" + sql + ") ORDER BY ALL")
			checkDays(t, p.dataset+"."+p.number, zone, days)
			if len(days) < 100 {
				t.Errorf("%s has only %d days", p.number, len(days))
			}
		}
	}
}

// checkDays compares rows of a day and its number with Go's clock.
func checkDays(t *testing.T, what, zone string, days [][]string) {
	t.Helper()
	location, err := outturn.LoadZone(zone)
	if err != nil {
		t.Fatal(err)
	}
	for _, day := range days {
		if day[0] == null && day[1] == null {
			continue
		}
		d, err := time.Parse(time.DateOnly, day[0])
		if err != nil {
			t.Fatal(err)
		}
		want := outturn.StartOfDay(d.Year(), d.Month(), d.Day(), location).Unix()
		if day[1] != strconv.FormatInt(want, 10) {
			t.Errorf("%s: %s in %s is %s, want %d", what, day[0], zone, day[1], want)
		}
	}
}

// Days on which clocks are moved at or near midnight, forward and back: the SELECT
// as it is, over a subscription that starts on each of them.
func TestDaysOfMovedClocks(t *testing.T) {
	db := openSeeded(t)
	for zone, days := range map[string][]string{
		"America/Sao_Paulo": {"2017-10-15", "2018-02-18", "2018-11-04"}, // skips midnight; 23:00 comes twice
		"Asia/Beirut":       {"2022-03-27", "2022-10-30"},
		"America/Havana":    {"2022-03-13", "2022-11-06"}, // midnight comes twice
		"Atlantic/Azores":   {"2022-03-27", "2022-10-30"}, // likewise
		"Asia/Amman":        {"2021-03-26", "2021-10-29"},
		"Pacific/Tongatapu": {"2016-11-06", "2017-01-15"},
		"Pacific/Apia":      {"2011-12-29", "2011-12-31", "2012-04-01"}, // had no 30 December 2011
		"Europe/Berlin":     {"2022-03-27", "2022-10-30"},
		"UTC":               {"1969-12-31", "1970-01-01", "2038-01-20", "0001-01-01", "9999-12-31"},
	} {
		near := map[string]bool{}
		for _, day := range days {
			d, _ := time.Parse(time.DateOnly, day)
			for _, step := range []int{-1, 0, 1} {
				if n := d.AddDate(0, 0, step); n.Year() >= 1 && n.Year() <= 9999 && n.Format(time.DateOnly) != "2011-12-30" {
					near[n.Format(time.DateOnly)] = true
				}
			}
		}
		list := ""
		for day := range near {
			list += fmt.Sprintf(", DATE '%s'", day)
		}
		got := db.all(`WITH subscriptions AS (SELECT s.* REPLACE (d.day AS start_date) FROM (FROM commerce.subscriptions LIMIT 1) AS s, (SELECT unnest([` + list[2:] + `]) AS day) AS d)
			SELECT SUBSCRIPTION_START_DATE, SUBSCRIPTION_START_DATE_INT FROM (` + loadDataset(t, "subscriptions").bodyFor(zone, "1", "") + `)`)
		if len(got) != len(near) {
			t.Errorf("%s: %d days of %d", zone, len(got), len(near))
		}
		checkDays(t, "SUBSCRIPTION_START_DATE_INT", zone, got)
	}
}

// A day that a zone never had is numbered like the one after it.
func TestDayThatNeverWas(t *testing.T) {
	db := openSeeded(t)
	got := db.column(`WITH subscriptions AS (SELECT s.* REPLACE (d.day AS start_date) FROM (FROM commerce.subscriptions LIMIT 1) AS s, (VALUES (DATE '2011-12-30'), (DATE '2011-12-31')) AS d(day))
		SELECT SUBSCRIPTION_START_DATE_INT FROM (` + loadDataset(t, "subscriptions").bodyFor("Pacific/Apia", "1", "") + `)`)
	if len(got) != 2 || got[0] != got[1] || got[0] != "1325239200" {
		t.Errorf("30 and 31 December 2011 in Apia: %v", got)
	}
}

// Stamps of service users are wall-clock time in the report's zone, to the second.
func TestStampsOfServiceUsers(t *testing.T) {
	db := openSeeded(t)
	for _, zone := range []string{"UTC", "America/Sao_Paulo", "Pacific/Tongatapu", "Europe/Berlin"} {
		location, err := outturn.LoadZone(zone)
		if err != nil {
			t.Fatal(err)
		}
		rows := db.all("SELECT epoch_us(d.created_at), SU_CREATION_DATE, epoch_us(u.cancelled_at), SU_CANCELLATION_DATE FROM (" +
			loadDataset(t, "service_users").selectIn(zone, "1", "") + ") AS d JOIN service_users AS u ON u.id = d.SU_USER_ID")
		if len(rows) == 0 {
			t.Fatal("no rows")
		}
		for _, row := range rows {
			for i := 0; i < 4; i += 2 {
				want := null
				if row[i] != null {
					us, _ := strconv.ParseInt(row[i], 10, 64)
					want = time.UnixMicro(us).In(location).Format(time.DateTime)
				}
				if row[i+1] != want {
					t.Fatalf("%s in %s is %s, want %s", row[i], zone, shown(row[i+1]), shown(want))
				}
			}
		}
	}
}
