package source

import (
	"errors"
	"fmt"
	"strings"

	"outturn"
)

// fit reports every way in which the SELECT's columns are not what the header
// declares.
func (c *compiler) fit() error {
	var faults []error
	for _, f := range c.Dataset.Fields {
		have, ok := c.have[strings.ToLower(f.Selected())]
		if !ok {
			faults = append(faults, fmt.Errorf("field %s: the SELECT has no column of that name", f.Selected()))
			continue
		}
		if fault := c.misfit(f, have); fault != "" {
			faults = append(faults, fmt.Errorf("field %s is declared %s, but the source has %s: %s", f.Name, declared(f), have.Engine, fault))
		}
	}
	if p := c.Dataset.Period; p != nil {
		if fault := c.periodMisfit(p, c.have[periodColumn]); fault != "" {
			faults = append(faults, fmt.Errorf("period %s is of kind %s, but the source has %s: %s", p.Expr, p.Kind, c.have[periodColumn].Engine, fault))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return outturn.Errorf(outturn.CodeDatasetInvalid, "The data set %s does not fit its source:\n  %s", c.Dataset.Name,
		strings.ReplaceAll(errors.Join(faults...).Error(), "\n", "\n  "))
}

// misfit says what to do about a column that cannot serve as f; "" if it can.
func (c *compiler) misfit(f outturn.Field, have Described) string {
	switch {
	case f.Type == have.Type && (f.Type != outturn.Decimal || have.AnyScale || have.Scale <= f.Scale):
		return ""
	case f.Type == have.Type:
		return fmt.Sprintf("declare scale %d, or round in the SELECT", have.Scale)
	case c.engine.Untyped() && have.Type == outturn.Text:
		return "" // the files have no types; values are read as declared
	case f.Type == outturn.Decimal && have.Type == outturn.Int:
		return ""
	case f.Type == outturn.JSON && have.Type == outturn.Text, f.Type == outturn.Bool && have.Flag:
		return ""
	case f.Type == outturn.Decimal && have.Type == outturn.Float:
		return "a float cannot hold exact amounts; store it as DECIMAL, or declare the field float if it is no money"
	case f.Type == outturn.Text:
		return "cast it to VARCHAR in the SELECT"
	}
	return fmt.Sprintf("declare it %s, or cast it in the SELECT", declared(outturn.Field{Type: have.Type, Scale: have.Scale}))
}

func (c *compiler) periodMisfit(p *outturn.Period, have Described) string {
	want := outturn.Time
	if p.Kind == outturn.PeriodDate {
		want = outturn.Date
	}
	if have.Type == want || c.engine.Untyped() && have.Type == outturn.Text {
		return ""
	}
	return fmt.Sprintf("the expression must give %s", map[outturn.Type]string{outturn.Time: "a timestamp", outturn.Date: "a date"}[want])
}

func declared(f outturn.Field) string {
	if f.Type == outturn.Decimal {
		return fmt.Sprintf("decimal of scale %d", f.Scale)
	}
	return string(f.Type)
}
