package compress

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
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

func TestSheetDeflater(t *testing.T) {
	xml := sheetXML(1500)
	random := make([]byte, 100_000)
	source := rand.NewChaCha8([32]byte{})
	source.Read(random)
	one := func(i int) []byte { return []byte{byte(i)} }
	blocks := map[string][]byte{
		"Empty": nil, "Byte": one('x'), "Two": []byte("xx"), "Zeros": make([]byte, blockSize), "Random": random, "Sheet": xml[:min(len(xml), blockSize)],
		"Middle": xml[100_003:300_007], "OnlyMarkup": bytes.Repeat([]byte("</v></c>"), 9000), "Angles": bytes.Repeat([]byte("<>"), 9000),
		"NoValues":  bytes.Repeat([]byte(`</v></c><c r="A1"><v>`), 5000),
		"Unfamilar": bytes.Repeat([]byte(`</v></c><c s="2"><v></v></c><c r="1"><v>1</v></c><c r="ABCDEFG12345678901234567890"><v>`), 900),
	}
	for n := range 90 {
		blocks[fmt.Sprint("Cut", n)] = xml[5000 : 5000+n]
	}
	z := new(sheetDeflater)
	for name, in := range blocks {
		out := z.deflate(nil, in)
		if got := inflated(t, out); !bytes.Equal(got, in) {
			t.Errorf("%s: %d bytes came back as %d others", name, len(in), len(got))
		}
	}
}

// Of a sheet it makes about as little as the deflater for everything does, which takes
// longer. This one is harder than most: its values come by chance.
func TestSheetDeflaterIsSmall(t *testing.T) {
	xml := sheetXML(1500)[:blockSize]
	var b bytes.Buffer
	f, err := flate.NewWriter(&b, 3)
	if err != nil {
		t.Fatal(err)
	}
	f.Write(xml)
	f.Close()
	if n := len(new(sheetDeflater).deflate(nil, xml)); n > b.Len()*5/4 {
		t.Errorf("%d bytes, and %d by level 3", n, b.Len())
	}
}

func FuzzSheetDeflater(f *testing.F) {
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
		if got := inflated(t, new(sheetDeflater).deflate(nil, in)); !bytes.Equal(got, in) {
			t.Fatalf("%d bytes came back as %d others", len(in), len(got))
		}
	})
}

func BenchmarkSheetDeflater(b *testing.B) {
	xml := sheetXML(3000)[:blockSize]
	z := new(sheetDeflater)
	var out []byte
	b.SetBytes(int64(len(xml)))
	for b.Loop() {
		out = z.deflate(out[:0], xml)
	}
	b.ReportMetric(float64(len(out))/float64(len(xml)), "ratio")
}
