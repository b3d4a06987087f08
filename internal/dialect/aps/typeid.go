package aps

import (
	"fmt"
	"regexp"
	"strconv"
)

// A typeID names an APS type: http://HOST/PATH/MAJOR.MINOR.
type typeID struct {
	path         string // with the host
	major, minor int
}

var typeText = regexp.MustCompile(`^https?://([a-z0-9.-]+(?:/[A-Za-z0-9_.-]+)+)/([0-9]{1,4})\.([0-9]{1,4})$`)

func parseType(text string) (typeID, bool) {
	parts := typeText.FindStringSubmatch(text)
	if parts == nil {
		return typeID{}, false
	}
	major, _ := strconv.Atoi(parts[2]) // of digits
	minor, _ := strconv.Atoi(parts[3])
	return typeID{parts[1], major, minor}, true
}

func (t typeID) String() string { return fmt.Sprintf("http://%s/%d.%d", t.path, t.major, t.minor) }

// implements says whether what is of type t can be taken for what is of type as: the
// same one, or an earlier version that t is compatible with.
func (t typeID) implements(as typeID) bool {
	return t.path == as.path && t.major == as.major && t.minor >= as.minor
}

// The types (section 1), each in its newest version.
var (
	templateType = typeID{"www.odin.com/rde/report-template", 1, 5}
	fileType     = typeID{"www.odin.com/rde/report-file", 1, 6}
	tenantType   = typeID{"www.odin.com/rde/tenant", 2, 2}
	accountType  = typeID{"parallels.com/aps/types/pa/account", 1, 2}
	dataSetType  = typeID{"www.odin.com/rde/data-set", 1, 0}

	customizationType    = typeID{"www.odin.com/rde/report-customization", 2, 0}
	oldCustomizationType = typeID{"www.odin.com/rde/report-customization", 1, 0}
	ownCustomizationType = typeID{"www.odin.com/rde/reseller-report-customization", 1, 0}
	anyCustomizationType = typeID{"www.odin.com/rde/base-report-customization", 1, 1}

	resourceType  = typeID{"aps-standard.org/types/core/resource", 1, 0}
	unlimitedType = typeID{"aps-standard.org/abstract/types/unlimited-resource", 1, 0}
)

// fileTypeOf is the version of report files that goes with one of templates: 1.2 knows
// of downloads, 1.6 of where a file comes from and whose it is.
func fileTypeOf(template typeID) typeID {
	if template.minor <= 2 {
		return typeID{fileType.path, fileType.major, max(template.minor, 1)}
	}
	return fileType
}
