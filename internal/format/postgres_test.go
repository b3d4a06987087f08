package format_test

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"outturn"
	"outturn/internal/batch"
	"outturn/internal/format"
	"outturn/internal/source/postgres/postgrestest"
)

// copiedColumns are those of the table that TestPostgresCopies compares.
var copiedColumns = []batch.Column{
	{Name: "id", Type: outturn.Int}, {Name: "a,\"text\"", Type: outturn.Text}, {Name: "Amount", Type: outturn.Decimal, Scale: 4},
	{Name: "double", Type: outturn.Float}, {Name: "single", Type: outturn.Float, Single: true}, {Name: "paid ", Type: outturn.Bool},
	{Name: "day", Type: outturn.Date}, {Name: "wall", Type: outturn.Time, Scale: 6, Wall: time.UTC}, {Name: "at", Type: outturn.Time, Scale: 6},
	{Name: "\\.", Type: outturn.JSON},
}

const copiedTable = `CREATE TABLE t (id bigint, "a,""text""" text, "Amount" numeric(40,4), "double" float8, "single" float4,
	"paid " boolean, day date, wall timestamp, at timestamptz, "\." json)`

// copiedDoubles are where spellings change, and numbers whose shortest digits read back
// by rounding to even alone, such as 1e23.
func copiedDoubles(random *rand.Rand) (list []float64) {
	list = append(list, 0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), 1e23, 9007199254740993, math.MaxFloat64, 5e-324)
	for e := -1074; e < 1024; e++ {
		x := math.Ldexp(1, e)
		list = append(list, x, math.Nextafter(x, 0), math.Nextafter(x, math.Inf(1)))
	}
	for e := -30; e < 40; e++ {
		x := math.Pow(10, float64(e))
		list = append(list, x, -x, math.Nextafter(x, 0), math.Nextafter(x, math.Inf(1)), 5*x, 9.5*x)
	}
	for range 4000 {
		list = append(list, math.Float64frombits(random.Uint64()), float64(random.Uint64N(1<<62)), float64(random.Uint64N(1e17))/100,
			float64(random.Uint64N(1<<53))*math.Pow(10, float64(random.IntN(24))))
	}
	return list
}

func copiedSingles(random *rand.Rand) (list []float32) {
	list = append(list, 0, float32(math.Copysign(0, -1)), float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.MaxFloat32, 1e-45, 33554432)
	for e := -149; e < 128; e++ {
		x := float32(math.Ldexp(1, e))
		list = append(list, x, math.Nextafter32(x, 0), math.Nextafter32(x, math.MaxFloat32))
	}
	for e := -20; e < 20; e++ {
		x := float32(math.Pow(10, float64(e)))
		list = append(list, x, -x, math.Nextafter32(x, 0), math.Nextafter32(x, math.MaxFloat32))
	}
	for range 8000 {
		list = append(list, math.Float32frombits(random.Uint32()), float32(random.Uint64N(1<<40)), float32(random.IntN(1e6))/100)
	}
	return list
}

func copiedTexts(random *rand.Rand) []string {
	list := []string{"", " ", "\\.", "\\.\\.", "a", ",", `"`, `""`, "\r", "\n", "\r\n", "\t", "a\x01b", " a ", "NULL", "\\N", "{}", "{1}", "{1,2}", "{a b c d e}",
		`{"a": 1}`, "{'a': 1}", "=1+1", "日本語 🙂 é", "\u2028", "1234567", "12345678", "1234567,", "12345678,", strings.Repeat("x", 300) + "\n"}
	alphabet := []rune("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa é\t\x01\\.{,\"\r\n🙂")
	for range 3000 {
		text := make([]rune, random.IntN(40))
		for i := range text {
			text[i] = alphabet[random.IntN(len(alphabet))]
		}
		list = append(list, string(text))
	}
	return list
}

// copiedInstants are around every change of the clocks of some zones, at the ends of what
// PostgreSQL has (a timestamp's is later than what is counted from 1970), and between.
func copiedInstants(t *testing.T, random *rand.Rand) []int64 {
	list := []int64{0, -1, 1, 1_500_000, 1_230_000, 1_000_010, math.MaxInt64, math.MinInt64, -210866803200_000_000, -210866803200_000_000 + 86400_000_000, 9223286000_000_000 * 1000,
		firstDay*86400_000_000 - 1, firstDay * 86400_000_000, firstDay*86400_000_000 + 12*3600_000_000, (lastDay+1)*86400_000_000 - 1, (lastDay + 1) * 86400_000_000}
	for _, name := range zoneNames {
		z := zone(t, name)
		for at := time.Date(1880, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2045; {
			_, change := at.In(z).ZoneBounds()
			if change.IsZero() {
				break
			}
			list = append(list, change.UnixMicro()-1, change.UnixMicro(), change.UnixMicro()+random.Int64N(3600_000_000))
			at = change.Add(24 * time.Hour)
		}
	}
	for range 2000 {
		list = append(list, random.Int64N(4102444800_000_000), firstDay*86400_000_000+random.Int64N((lastDay-firstDay)*86400_000_000),
			-210866803200_000_000+random.Int64N(9e18), random.Int64N(4102444800)*1_000_000)
	}
	return list
}

// A pgTime is an instant as PostgreSQL counts it, in either of its types.
func pgTime(micros int64) (time.Time, pgtype.InfinityModifier) {
	switch micros {
	case batch.Infinity:
		return time.Time{}, pgtype.Infinity
	case batch.MinusInfinity:
		return time.Time{}, pgtype.NegativeInfinity
	}
	return time.UnixMicro(micros).UTC(), pgtype.Finite
}

// The dialect postgres is compared with PostgreSQL, byte for byte: the whole table and each
// column alone, in several zones.
func TestPostgresCopies(t *testing.T) {
	server := postgrestest.OfTest(t)
	conn, err := pgx.Connect(t.Context(), server.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), copiedTable); err != nil {
		t.Fatal(err)
	}

	random := rand.New(rand.NewPCG(1, 2))
	doubles, singles, texts, instants := copiedDoubles(random), copiedSingles(random), copiedTexts(random), copiedInstants(t, random)
	days := []int64{0, firstDay - 1, firstDay, lastDay, lastDay + 1, -2440588, 2145042905, math.MaxInt64, math.MinInt64}
	for range 2000 {
		days = append(days, random.Int64N(30000), -2440588+random.Int64N(2145042905+2440588))
	}
	data := table{columns: copiedColumns}
	var rows [][]any
	for i := range max(len(doubles), len(singles), len(instants)) {
		pick := func(n int) int { return i % n }
		double, single, text, at, day := doubles[pick(len(doubles))], singles[pick(len(singles))], texts[pick(len(texts))], instants[pick(len(instants))], days[pick(len(days))]
		factor := func() *big.Int { return new(big.Int).SetUint64(random.Uint64() >> random.IntN(64)) }
		amount := new(big.Int).Mul(factor(), factor())
		if i%3 == 0 {
			amount.Neg(amount)
		}
		doc := fmt.Sprintf(`{"n": %d}`, i)
		cells := []cell{{whole: int64(i) - 5}, {text: text}, {unscaled: amount}, {float: double}, {float: float64(single)}, {truth: i%2 == 0}, {whole: day}, {whole: at}, {whole: at}, {text: doc}}
		instant, modifier := pgTime(at)
		date := pgtype.Date{Time: time.Unix(day*86400, 0).UTC(), Valid: true}
		if day == math.MaxInt64 || day == math.MinInt64 {
			_, date.InfinityModifier = pgTime(day)
		}
		values := []any{
			int64(i) - 5, text, pgtype.Numeric{Int: amount, Exp: -4, Valid: true}, double, single, i%2 == 0, date,
			pgtype.Timestamp{Time: instant, InfinityModifier: modifier, Valid: true}, pgtype.Timestamptz{Time: instant, InfinityModifier: modifier, Valid: true}, doc,
		}
		for c := 1; c < len(cells); c++ {
			if random.IntN(20) == 0 {
				cells[c], values[c] = cell{null: true}, nil
			}
		}
		data.rows, rows = append(data.rows, cells), append(rows, values)
	}
	names := make([]string, len(copiedColumns))
	for c, column := range copiedColumns {
		names[c] = column.Name
	}
	if _, err := conn.CopyFrom(t.Context(), pgx.Identifier{"t"}, names, pgx.CopyFromRows(rows)); err != nil {
		t.Fatal(err)
	}

	compare := func(data table, selected, zoneName string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), "SET TimeZone = '"+zoneName+"'"); err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		if _, err := conn.PgConn().CopyTo(t.Context(), &want, "COPY (SELECT "+selected+" FROM t ORDER BY t.id) TO STDOUT (FORMAT csv, HEADER)"); err != nil {
			t.Fatal(err)
		}
		got, _ := write(t, "csv", data, format.Options{Dialect: "postgres", Zone: zone(t, zoneName)}, 1000)
		if bytes.Equal(got, want.Bytes()) {
			return
		}
		ours, theirs := strings.Split(string(got), "\n"), strings.Split(want.String(), "\n")
		for i := range min(len(ours), len(theirs)) {
			if ours[i] != theirs[i] {
				t.Fatalf("%s, %s, line %d: got\n%q, PostgreSQL has\n%q", zoneName, selected, i+1, ours[i], theirs[i])
			}
		}
		t.Fatalf("%s, %s: got %d lines, PostgreSQL has %d", zoneName, selected, len(ours), len(theirs))
	}
	only := func(c int) (table, string) {
		one := table{columns: copiedColumns[c : c+1]}
		for _, row := range data.rows {
			one.rows = append(one.rows, row[c:c+1])
		}
		return one, pgx.Identifier{names[c]}.Sanitize()
	}
	compare(data, "*", "Europe/Berlin")
	for c := range copiedColumns {
		one, name := only(c)
		compare(one, name, "Asia/Kathmandu")
	}
	instantsOnly, name := only(8)
	for _, zoneName := range zoneNames {
		compare(instantsOnly, name, zoneName)
	}
}

// A time that the source keeps without a zone is written as its clock shows it, whatever
// the zone of the run.
func TestPostgresWall(t *testing.T) {
	data := table{
		columns: []batch.Column{{Name: "wall", Type: outturn.Time, Scale: 3, Wall: zone(t, "Europe/Berlin")}, {Name: "at", Type: outturn.Time, Scale: 3}},
		rows:    [][]cell{{{whole: 1_230_900}, {whole: 1_230_900}}},
	}
	got, _ := write(t, "csv", data, format.Options{Dialect: "postgres", Zone: zone(t, "America/New_York")}, 1)
	if want := "wall,at\n1970-01-01 01:00:01.23,1969-12-31 19:00:01.23-05\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	other, _ := write(t, "csv", data, format.Options{Zone: zone(t, "America/New_York")}, 1)
	if want := "wall,at\r\n1969-12-31T19:00:01.230-05:00,1969-12-31T19:00:01.230-05:00\r\n"; string(other) != want {
		t.Errorf("machine: got %q, want %q", other, want)
	}
}

// What PostgreSQL has not is refused, and other dialects name an infinity.
func TestPostgresRefuses(t *testing.T) {
	for _, c := range []struct {
		typ     outturn.Type
		dialect string
		word    int64
		says    string
	}{
		{outturn.Date, "postgres", -2440589, "a date outside the years 4714 BC"},
		{outturn.Date, "postgres", 2145042906, "a date outside the years"},
		{outturn.Time, "postgres", -210866803200_000_001, "a time outside the years 4714 BC"},
		{outturn.Time, "postgres", math.MaxInt64 - 1, "a time outside the years"},
		{outturn.Time, "machine", batch.Infinity, "the time infinity in row 1"},
		{outturn.Date, "machine", batch.MinusInfinity, "the date -infinity in row 1"},
	} {
		columns := []batch.Column{{Name: "until", Type: c.typ}}
		w, err := format.New("csv", new(counting), format.Options{Columns: columns, Dialect: c.dialect})
		if err != nil {
			t.Fatal(err)
		}
		w.Write((table{columns, [][]cell{{{whole: c.word}}}}).batches(1)[0])
		if _, err = w.Close(); outturn.ErrorCode(err) != outturn.CodeQueryFailed || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %d: got %v, want %q", c.typ, c.word, err, c.says)
		}
	}
}
