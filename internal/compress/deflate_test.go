package compress

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// sheetXML is rows of a sheet, the same every time.
func sheetXML(rows int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	names := []string{"Marché Européen", "Endpoint Protection Advanced", "EUR", "approved", "日本マーケット", "AT&amp;T"}
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8" standalone="yes"?><worksheet><sheetData>`)
	for row := 1; row <= rows; row++ {
		fmt.Fprintf(&b, `<row r="%d">`, row)
		for c := range 30 {
			if random.IntN(9) == 0 {
				continue
			}
			ref := fmt.Sprintf("%s%d", strings.TrimPrefix(string([]byte{byte('@' + c/26), byte('A' + c%26)}), "@"), row)
			switch c % 5 {
			case 0:
				fmt.Fprintf(&b, `<c s="3" r="%s"><v>%d</v></c>`, ref, 1_000_000+row)
			case 1:
				fmt.Fprintf(&b, `<c s="7" r="%s"><v>%d.%02d</v></c>`, ref, random.IntN(10_000), random.IntN(100))
			case 2:
				fmt.Fprintf(&b, `<c t="b" r="%s"><v>%d</v></c>`, ref, random.IntN(2))
			case 3:
				fmt.Fprintf(&b, `<c s="2" t="inlineStr" r="%s"><is><t xml:space="preserve"> %d</t></is></c>`, ref, random.IntN(50))
			default:
				fmt.Fprintf(&b, `<c s="2" t="str" r="%s"><v>%s %d</v></c>`, ref, names[random.IntN(len(names))], random.IntN(300))
			}
		}
		b.WriteString(`</row>`)
	}
	b.WriteString(`</sheetData></worksheet>`)
	return b.Bytes()
}

func inflated(t testing.TB, stream []byte) []byte {
	t.Helper()
	r := flate.NewReader(bytes.NewReader(append(stream, 3, 0)))
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// ours are our own deflaters.
var ours = map[string]func() deflater{
	"sheet": func() deflater { return new(sheetDeflater) },
	"text":  func() deflater { return new(textDeflater) },
}

func TestDeflaters(t *testing.T) {
	xml := sheetXML(1500)
	random := make([]byte, 100_000)
	source := rand.NewChaCha8([32]byte{})
	source.Read(random)
	one := func(i int) []byte { return []byte{byte(i)} }
	blocks := map[string][]byte{
		"Empty": nil, "Byte": one('x'), "Two": []byte("xx"), "Zeros": make([]byte, blockSize), "Random": random, "Sheet": xml[:min(len(xml), blockSize)],
		"Middle": xml[100_003:300_007], "OnlyMarkup": bytes.Repeat([]byte("</v></c>"), 9000), "Angles": bytes.Repeat([]byte("<>"), 9000),
		"NoValues": bytes.Repeat([]byte(`</v></c><c r="A1"><v>`), 5000),
		"Japanese": bytes.Repeat([]byte("日本マーケット"), 9000), "Separators": bytes.Repeat([]byte(`,"";`), 50_000),
		"Far":        slices.Concat([]byte("once upon a time"), random[:window-1], []byte("once upon a time"), random[:window+9]),
		"Unfamiliar": bytes.Repeat([]byte(`</v></c><c s="2"><v></v></c><c r="1"><v>1</v></c><c r="ABCDEFG12345678901234567890"><v>`), 900),
	}
	for n := range 90 {
		blocks[fmt.Sprint("Cut", n)] = xml[5000 : 5000+n]
		blocks[fmt.Sprint("Ones", n)] = bytes.Repeat(one('1'), n)
	}
	for c := range 256 { // a byte that occurs where nobody looks
		block := bytes.Repeat([]byte(",seventeen bytes;"), 90)
		block[4] = byte(c)
		blocks[fmt.Sprint("One", c)] = block
	}
	for kind, open := range ours {
		z := open()
		for name, in := range blocks {
			out := z.deflate(nil, in)
			if got := inflated(t, out); !bytes.Equal(got, in) {
				t.Errorf("%s, %s: %d bytes came back as %d others", kind, name, len(in), len(got))
			}
			if len(out) > len(in)+len(in)/100+400 {
				t.Errorf("%s, %s: %d bytes became %d", kind, name, len(in), len(out))
			}
		}
	}
}

// reportCSV is rows of a report, the same every time.
func reportCSV(rows int) []byte {
	random := rand.New(rand.NewPCG(3, 4))
	names := []string{"Marché Européen", "Endpoint Protection Advanced", "Office Suite Business", "日本マーケット", `"Żabka, Sp. z o.o."`}
	var b bytes.Buffer
	for row := range rows {
		asset := fmt.Sprintf("%04d-%04d-%04d", random.IntN(10_000), random.IntN(10_000), row%1000)
		fmt.Fprintf(&b, "%d,AS-%s,PR-%s-001,approved,2026-09-%02d 08:%02d:00+00,%s,%s %d,EUR,%d.%02d,t\n",
			1_000_000+row, asset, asset, 1+row/500%30, random.IntN(60), names[random.IntN(len(names))], names[random.IntN(len(names))], random.IntN(900),
			random.IntN(1000), random.IntN(100))
	}
	return b.Bytes()
}

// Of what they are for they make about as little as the deflater for everything does,
// which takes longer. This sheet is harder than most: its values come by chance.
func TestDeflatersAreSmall(t *testing.T) {
	for _, test := range []struct {
		kind  string
		in    []byte
		level int
		most  float64
	}{
		{"sheet", sheetXML(1500), 3, 1.25},
		{"text", reportCSV(6000), 1, 1.05},
	} {
		in := test.in[:blockSize]
		var b bytes.Buffer
		f, err := flate.NewWriter(&b, test.level)
		if err != nil {
			t.Fatal(err)
		}
		f.Write(in)
		f.Close()
		if n := len(ours[test.kind]().deflate(nil, in)); float64(n) > test.most*float64(b.Len()) {
			t.Errorf("%s: %d bytes, and %d by level %d", test.kind, n, b.Len(), test.level)
		}
	}
}

func FuzzDeflaters(f *testing.F) {
	xml := sheetXML(30)
	f.Add(xml[:4000], 1)
	f.Add(xml[1000:1500], 30)
	f.Add([]byte("</v></c><c r=\"A1\"><v>1</v></c><c r=\"B1\"><v>"), 9)
	f.Add([]byte{0}, 70_000)
	f.Fuzz(func(t *testing.T, in []byte, times int) {
		if len(in) > 0 {
			in = bytes.Repeat(in, max(1, min(times, blockSize/len(in))))
		}
		in = in[:min(len(in), blockSize)]
		for kind, open := range ours {
			if got := inflated(t, open().deflate(nil, in)); !bytes.Equal(got, in) {
				t.Fatalf("%s: %d bytes came back as %d others", kind, len(in), len(got))
			}
		}
	})
}

func BenchmarkDeflaters(b *testing.B) {
	sheet, csv := sheetXML(3000)[:blockSize], reportCSV(6000)[:blockSize]
	for _, run := range []struct {
		name string
		with deflater
		in   []byte
	}{
		{"sheet", ours["sheet"](), sheet}, {"sheet/library", newLibraryDeflater(3), sheet},
		{"text", ours["text"](), csv}, {"text/library", newLibraryDeflater(2), csv},
	} {
		b.Run(run.name, func(b *testing.B) {
			var out []byte
			b.SetBytes(int64(len(run.in)))
			for b.Loop() {
				out = run.with.deflate(out[:0], run.in)
			}
			b.ReportMetric(float64(len(out))/float64(len(run.in)), "ratio")
		})
	}
}
