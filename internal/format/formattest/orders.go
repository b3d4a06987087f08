// Package formattest holds what tests and benchmarks of formats share: Python as
// the reader of files, and rows, which are provisioned orders as a distributor's
// platform has them, in 32 columns and about 500 bytes a row.
package formattest

import (
	"fmt"
	"strconv"

	"outturn"
	"outturn/internal/batch"
)

// Columns are the columns of an order.
func Columns() []batch.Column {
	text := func(name string) batch.Column { return batch.Column{Name: name, Type: outturn.Text} }
	whole := func(name string) batch.Column { return batch.Column{Name: name, Type: outturn.Int} }
	money := func(name string) batch.Column {
		return batch.Column{Name: name, Type: outturn.Decimal, Scale: 8}
	}
	instant := func(name string) batch.Column { return batch.Column{Name: name, Type: outturn.Time, Scale: 6} }
	return []batch.Column{
		whole("id"), text("asset_id"), text("request_id"), text("request_type"),
		text("status"), text("connection_type"), instant("created_at"), instant("updated_at"),
		{Name: "effective_date", Type: outturn.Date}, text("marketplace_id"), text("marketplace_name"), text("hub_id"),
		text("hub_name"), whole("provider_id"), text("provider_name"), whole("vendor_id"),
		text("vendor_name"), text("product_id"), text("product_name"), whole("customer_id"),
		text("customer_name"), text("customer_email"), text("customer_phone"), text("country"),
		text("city"), text("currency"), money("unit_price"), whole("quantity"),
		money("total_amount"), money("tax_amount"), {Name: "paid", Type: outturn.Bool}, {Name: "attrs", Type: outturn.JSON},
	}
}

// An Order is one row as a Go program would hold it. Amounts are unscaled, in
// 8 digits after the point; instants are microseconds and the date is days,
// since 1970. Null is nil.
type Order struct {
	ID                                 int64
	AssetID, RequestID, RequestType    string
	Status, ConnectionType             string
	CreatedAt, UpdatedAt               int64
	EffectiveDate                      *int64
	MarketplaceID, MarketplaceName     string
	HubID, HubName                     *string
	ProviderID                         int64
	ProviderName                       string
	VendorID                           int64
	VendorName, ProductID, ProductName string
	CustomerID                         int64
	CustomerName, CustomerEmail        string
	CustomerPhone                      *string
	Country, City, Currency            string
	UnitPrice, Quantity, TotalAmount   int64
	TaxAmount                          *int64
	Paid                               bool
	Attrs                              string
}

var (
	requestTypes = []string{"purchase", "change", "suspend", "resume", "renew", "cancel"}
	statuses     = []string{"approved", "approved", "approved", "pending", "inquiring", "failed", "tiers_setup", "scheduled", "draft", "revoking"}
	connections  = []string{"production", "test", "preview"}
	marketplaces = []string{"Marché Européen", "North America, Retail", "日本マーケット", `LATAM "Sur"`, "Deutschland & Österreich", "Global"}
	providers    = []string{"Contoso", "Fabrikam, Inc.", "Ångström Distribution", `Żabka "Cloud" Sp. z o.o.`, "Tech Data"}
	vendors      = []string{"Adatum", "Northwind Traders, Ltd.", "Société Générale de Logiciel", `O'Reilly "Media"`, "深圳软件"}
	products     = []string{"Office Suite Business", "Backup & Recovery (per GB)", "Endpoint Protection, Advanced", `CRM "Pro" seat`, "VM 4×16 GiB"}
	people       = []string{"José García", "Müller", "O'Brien", "Nguyễn Văn", "Иванов", "Smith", "Łukasz", "Dupont"}
	firms        = []string{"& Sons, Ltd.", `"The Shop"`, "GmbH", "S.A. de C.V.", "LLC", "Holdings"}
	mailHosts    = []string{"example.com", "mail.example.org", "shop.example.net", "corp.example.co.uk"}
	countries    = []string{"US", "DE", "FR", "JP", "BR", "PL", "VN", "GB"}
	cities       = []string{"New York", "München", "Saint-Étienne", "東京", "São Paulo", "Łódź", "Hà Nội", "London"}
	currencies   = []string{"USD", "EUR", "EUR", "JPY", "BRL", "PLN", "VND", "GBP"}
	remarks      = []string{`auto \"renew\"`, "manual", "über-plan, v2"}
)

// mix scatters i: the finaliser of SplitMix64.
func mix(i uint64) int64 {
	i *= 0x9e3779b97f4a7c15
	i = (i ^ i>>30) * 0xbf58476d1ce4e5b9
	i = (i ^ i>>27) * 0x94d049bb133111eb
	return int64((i ^ i>>31) >> 1 % 1_000_000_007)
}

// NewOrder returns order number i, always the same.
func NewOrder(i int64) Order {
	h1, h2, h3 := mix(uint64(i)*3)%1_000_000_007, mix(uint64(i)*3+1)%1_000_000_007, mix(uint64(i)*3+2)%1_000_000_007
	const start = 1_609_459_200 * 1_000_000 // 2021-01-01
	asset := fmt.Sprintf("%04d-%04d-%04d", i*2654435761%10000, i*40503%10000, i%10000)
	price := h2 % 1_000_000 * 100_000_000 / 997
	o := Order{
		ID: 1_000_000_000 + i, AssetID: "AS-" + asset, RequestID: fmt.Sprintf("PR-%s-%03d", asset, h1%7+1),
		RequestType: requestTypes[h1%11%6], Status: statuses[h2%10], ConnectionType: connections[h3%17/8],
		CreatedAt:     start + i*125_000 + h1%1_000_000,
		UpdatedAt:     start + i*125_000 + h2%864_000*1_000_000 + h3%1_000_000,
		MarketplaceID: fmt.Sprintf("MP-%05d", h1%40*977), MarketplaceName: marketplaces[h1%40%6],
		ProviderID: 700_000 + h2%1500, ProviderName: providers[h2%1500%5] + " " + strconv.Itoa(int(h2%1500)),
		VendorID: 300_000 + h3%400, VendorName: vendors[h3%400%5] + " " + strconv.Itoa(int(h3%400)),
		ProductID:   fmt.Sprintf("PRD-%06d-%05d", h3%2000*499, h3%2000*7),
		ProductName: products[h3%2000%5] + " v" + strconv.Itoa(int(h3%2000)),
		CustomerID:  50_000_000 + h1%250_000, CustomerName: people[h1%8] + " " + firms[h2%6],
		CustomerEmail: fmt.Sprintf("user%d@%s", h1%250_000, mailHosts[h1%4]),
		Country:       countries[h1%8], City: cities[h1%8], Currency: currencies[h1%8],
		UnitPrice: price, Quantity: h3%250 + 1, TotalAmount: price * (h3%250 + 1), Paid: h2%3 != 0,
		Attrs: fmt.Sprintf(`{"sku": "S%d", "note": "%s", "seats": %d, "trial": %t}`, h3%5000, remarks[h2%3], h3%250, h1%9 == 0),
	}
	if h3%50 == 0 {
		o.CustomerName += "\nattn: accounts dept."
	}
	o.CustomerName += " " + strconv.Itoa(int(h1%250_000))
	if h2%5 != 0 {
		day := 18628 + i/700_000 + h1%365
		o.EffectiveDate = &day
	}
	if h3%3 != 0 {
		id, name := fmt.Sprintf("HB-%04d-%04d", h3%300*31, h3%300*17), "Hub "+strconv.Itoa(int(h3%300))
		o.HubID, o.HubName = &id, &name
	}
	if h1%4 != 0 {
		phone := fmt.Sprintf("+%d %03d-%04d %03d", 1+h1%89, h2%1000, h3%10000, h1%1000)
		o.CustomerPhone = &phone
	}
	if h1%6 != 0 {
		tax := o.TotalAmount / 100 * 21
		o.TaxAmount = &tax
	}
	return o
}

// Append adds o to b, which has Columns; the caller counts the rows.
func (o *Order) Append(b *batch.Batch) {
	c := 0
	text := func(values ...string) {
		for _, v := range values {
			batch.AppendText(b, c, v)
			c++
		}
	}
	optional := func(value *string) {
		if value == nil {
			b.AppendNull(c)
			c++
			return
		}
		text(*value)
	}
	number := func(values ...int64) {
		for _, v := range values {
			b.AppendInt(c, v)
			c++
		}
	}
	money := func(value *int64) {
		if value == nil {
			b.AppendNull(c)
		} else {
			b.AppendDecimal(c, *value)
		}
		c++
	}
	number(o.ID)
	text(o.AssetID, o.RequestID, o.RequestType, o.Status, o.ConnectionType)
	number(o.CreatedAt, o.UpdatedAt)
	if o.EffectiveDate == nil {
		b.AppendNull(c)
		c++
	} else {
		number(*o.EffectiveDate)
	}
	text(o.MarketplaceID, o.MarketplaceName)
	optional(o.HubID)
	optional(o.HubName)
	number(o.ProviderID)
	text(o.ProviderName)
	number(o.VendorID)
	text(o.VendorName, o.ProductID, o.ProductName)
	number(o.CustomerID)
	text(o.CustomerName, o.CustomerEmail)
	optional(o.CustomerPhone)
	text(o.Country, o.City, o.Currency)
	money(&o.UnitPrice)
	number(o.Quantity)
	money(&o.TotalAmount)
	money(o.TaxAmount)
	b.AppendBool(c, o.Paid)
	c++
	text(o.Attrs)
}

// Batch returns n orders from number first on.
func Batch(first int64, n int) *batch.Batch {
	b := new(batch.Batch)
	b.Reset(Columns())
	for i := range n {
		o := NewOrder(first + int64(i))
		o.Append(b)
	}
	b.SetRows(n)
	return b
}
