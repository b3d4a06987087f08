package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"time"

	"outturn/internal/format/formattest"
)

// The peers, as a careful user writes them: one record or struct that is used
// again, numbers by strconv, times by AppendFormat, a buffered writer, no HTML
// escaping.

// money spells an amount with its 8 digits after the point.
func money(unscaled int64) string {
	var b [24]byte
	out := b[:0]
	if unscaled < 0 {
		out = append(out, '-')
		unscaled = -unscaled
	}
	out = strconv.AppendInt(out, unscaled/1e8, 10)
	out = append(out, '.')
	fraction := unscaled % 1e8
	for p := int64(1e7); p > 0; p /= 10 {
		out = append(out, byte('0'+fraction/p%10))
	}
	return string(out)
}

func instant(micros int64) string {
	var b [32]byte
	return string(time.UnixMicro(micros).UTC().AppendFormat(b[:0], "2006-01-02T15:04:05.000000Z07:00"))
}

func day(days int64) string {
	var b [16]byte
	return string(time.Unix(days*86400, 0).UTC().AppendFormat(b[:0], time.DateOnly))
}

// orEmpty and orNil spell what may be null, for CSV and JSON.
func orEmpty[T any](x *T, spell func(T) string) string {
	if x == nil {
		return ""
	}
	return spell(*x)
}

func orNil[T any](x *T, spell func(T) string) *string {
	if x == nil {
		return nil
	}
	s := spell(*x)
	return &s
}

func same(s string) string { return s }

func whole(x int64) string { return strconv.FormatInt(x, 10) }

func writeCSV(w io.Writer, orders []formattest.Order) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	var header []string
	for _, c := range formattest.Columns() {
		header = append(header, c.Name)
	}
	if err := out.Write(header); err != nil {
		return err
	}
	record := make([]string, len(header))
	for i := range orders {
		o := &orders[i]
		record = append(record[:0],
			whole(o.ID), o.AssetID, o.RequestID, o.RequestType, o.Status, o.ConnectionType, instant(o.CreatedAt), instant(o.UpdatedAt),
			orEmpty(o.EffectiveDate, day), o.MarketplaceID, o.MarketplaceName, orEmpty(o.HubID, same), orEmpty(o.HubName, same),
			whole(o.ProviderID), o.ProviderName, whole(o.VendorID), o.VendorName, o.ProductID, o.ProductName, whole(o.CustomerID),
			o.CustomerName, o.CustomerEmail, orEmpty(o.CustomerPhone, same), o.Country, o.City, o.Currency, money(o.UnitPrice),
			whole(o.Quantity), money(o.TotalAmount), orEmpty(o.TaxAmount, money), strconv.FormatBool(o.Paid), o.Attrs)
		if err := out.Write(record); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// A line is an order as encoding/json writes it. Amounts are strings, as ours.
type line struct {
	ID              int64           `json:"id"`
	AssetID         string          `json:"asset_id"`
	RequestID       string          `json:"request_id"`
	RequestType     string          `json:"request_type"`
	Status          string          `json:"status"`
	ConnectionType  string          `json:"connection_type"`
	CreatedAt       string          `json:"created_at"`
	UpdatedAt       string          `json:"updated_at"`
	EffectiveDate   *string         `json:"effective_date"`
	MarketplaceID   string          `json:"marketplace_id"`
	MarketplaceName string          `json:"marketplace_name"`
	HubID           *string         `json:"hub_id"`
	HubName         *string         `json:"hub_name"`
	ProviderID      int64           `json:"provider_id"`
	ProviderName    string          `json:"provider_name"`
	VendorID        int64           `json:"vendor_id"`
	VendorName      string          `json:"vendor_name"`
	ProductID       string          `json:"product_id"`
	ProductName     string          `json:"product_name"`
	CustomerID      int64           `json:"customer_id"`
	CustomerName    string          `json:"customer_name"`
	CustomerEmail   string          `json:"customer_email"`
	CustomerPhone   *string         `json:"customer_phone"`
	Country         string          `json:"country"`
	City            string          `json:"city"`
	Currency        string          `json:"currency"`
	UnitPrice       string          `json:"unit_price"`
	Quantity        int64           `json:"quantity"`
	TotalAmount     string          `json:"total_amount"`
	TaxAmount       *string         `json:"tax_amount"`
	Paid            bool            `json:"paid"`
	Attrs           json.RawMessage `json:"attrs"`
}

func writeNDJSON(w io.Writer, orders []formattest.Order) error {
	buffered := bufio.NewWriterSize(w, 64<<10)
	out := json.NewEncoder(buffered)
	out.SetEscapeHTML(false)
	var l line
	for i := range orders {
		o := &orders[i]
		l = line{
			o.ID, o.AssetID, o.RequestID, o.RequestType, o.Status, o.ConnectionType, instant(o.CreatedAt), instant(o.UpdatedAt),
			orNil(o.EffectiveDate, day), o.MarketplaceID, o.MarketplaceName, o.HubID, o.HubName,
			o.ProviderID, o.ProviderName, o.VendorID, o.VendorName, o.ProductID, o.ProductName, o.CustomerID,
			o.CustomerName, o.CustomerEmail, o.CustomerPhone, o.Country, o.City, o.Currency, money(o.UnitPrice),
			o.Quantity, money(o.TotalAmount), orNil(o.TaxAmount, money), o.Paid, append(l.Attrs[:0], o.Attrs...),
		}
		if err := out.Encode(&l); err != nil {
			return err
		}
	}
	return buffered.Flush()
}

// A record is an order as encoding/xml writes it: what is nil gets no element.
type record struct {
	XMLName         xml.Name `xml:"record"`
	ID              int64    `xml:"id"`
	AssetID         string   `xml:"asset_id"`
	RequestID       string   `xml:"request_id"`
	RequestType     string   `xml:"request_type"`
	Status          string   `xml:"status"`
	ConnectionType  string   `xml:"connection_type"`
	CreatedAt       string   `xml:"created_at"`
	UpdatedAt       string   `xml:"updated_at"`
	EffectiveDate   *string  `xml:"effective_date"`
	MarketplaceID   string   `xml:"marketplace_id"`
	MarketplaceName string   `xml:"marketplace_name"`
	HubID           *string  `xml:"hub_id"`
	HubName         *string  `xml:"hub_name"`
	ProviderID      int64    `xml:"provider_id"`
	ProviderName    string   `xml:"provider_name"`
	VendorID        int64    `xml:"vendor_id"`
	VendorName      string   `xml:"vendor_name"`
	ProductID       string   `xml:"product_id"`
	ProductName     string   `xml:"product_name"`
	CustomerID      int64    `xml:"customer_id"`
	CustomerName    string   `xml:"customer_name"`
	CustomerEmail   string   `xml:"customer_email"`
	CustomerPhone   *string  `xml:"customer_phone"`
	Country         string   `xml:"country"`
	City            string   `xml:"city"`
	Currency        string   `xml:"currency"`
	UnitPrice       string   `xml:"unit_price"`
	Quantity        int64    `xml:"quantity"`
	TotalAmount     string   `xml:"total_amount"`
	TaxAmount       *string  `xml:"tax_amount"`
	Paid            bool     `xml:"paid"`
	Attrs           string   `xml:"attrs"`
}

func writeXML(w io.Writer, orders []formattest.Order) error {
	buffered := bufio.NewWriterSize(w, 64<<10)
	buffered.WriteString(xml.Header + "<report>\n")
	out := xml.NewEncoder(buffered)
	var r record
	for i := range orders {
		o := &orders[i]
		r = record{
			xml.Name{}, o.ID, o.AssetID, o.RequestID, o.RequestType, o.Status, o.ConnectionType, instant(o.CreatedAt), instant(o.UpdatedAt),
			orNil(o.EffectiveDate, day), o.MarketplaceID, o.MarketplaceName, o.HubID, o.HubName,
			o.ProviderID, o.ProviderName, o.VendorID, o.VendorName, o.ProductID, o.ProductName, o.CustomerID,
			o.CustomerName, o.CustomerEmail, o.CustomerPhone, o.Country, o.City, o.Currency, money(o.UnitPrice),
			o.Quantity, money(o.TotalAmount), orNil(o.TaxAmount, money), o.Paid, o.Attrs,
		}
		if err := out.Encode(&r); err != nil {
			return err
		}
		buffered.WriteByte('\n')
	}
	buffered.WriteString("</report>\n")
	return buffered.Flush()
}

func parseCSV(file []byte) ([][]string, error) {
	return csv.NewReader(bytes.NewReader(file)).ReadAll()
}

// parseNDJSON returns the names and values of each line in their order, numbers
// by their digits, nested values without the space between tokens.
func parseNDJSON(file []byte) ([][]string, error) {
	var rows [][]string
	for text := range bytes.Lines(file) {
		var row []string
		d := json.NewDecoder(bytes.NewReader(text))
		if _, err := d.Token(); err != nil {
			return nil, err
		}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			var raw json.RawMessage
			if err := d.Decode(&raw); err != nil {
				return nil, err
			}
			value := string(raw)
			switch raw[0] {
			case '"':
				var s string
				if err := json.Unmarshal(raw, &s); err != nil {
					return nil, err
				}
				value = strconv.Quote(s)
			case '{', '[':
				var tight bytes.Buffer
				if err := json.Compact(&tight, raw); err != nil {
					return nil, err
				}
				value = tight.String()
			}
			row = append(row, fmt.Sprint(name), value)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// parseXML returns the names and texts of each record's elements in their order.
func parseXML(file []byte) ([][]string, error) {
	var rows [][]string
	for d := xml.NewDecoder(bytes.NewReader(file)); ; {
		token, err := d.Token()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local == "report" {
			continue
		}
		var elements struct {
			List []struct {
				XMLName xml.Name
				Text    string `xml:",chardata"`
			} `xml:",any"`
		}
		if err := d.DecodeElement(&elements, &start); err != nil {
			return nil, err
		}
		var row []string
		for _, x := range elements.List {
			row = append(row, x.XMLName.Local, x.Text)
		}
		rows = append(rows, row)
	}
}
