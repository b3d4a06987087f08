package guard

// A Class says how a call failed, in a word that may be shown to whoever named the
// host and kept in a log.
type Class string

// How a call can fail. What the other side answers with is not among them.
const (
	ClassRefused  Class = "refused_address" // the host may not be called, or its name leads to one that may not
	ClassDNS      Class = "dns"             // the name has no address, or nobody could be asked
	ClassConnect  Class = "connect"         // nobody took the connection
	ClassTLS      Class = "tls"             // the host could not show that it is the one
	ClassTimeout  Class = "timeout"         // it took longer than a call may
	ClassProtocol Class = "protocol"        // the answer broke off, or is no HTTP
	ClassTooLarge Class = "too_large"       // the answer has more bytes than are read
)

// sentences is what people are told.
var sentences = map[Class]string{
	ClassRefused:  "The host is not one that may be called.",
	ClassDNS:      "The host's name could not be found.",
	ClassConnect:  "The host does not take connections at this port.",
	ClassTLS:      "No secure connection came about: check the host's certificate.",
	ClassTimeout:  "The host did not answer in time.",
	ClassProtocol: "The host's answer broke off, or was no HTTP.",
	ClassTooLarge: "The host's answer was too long.",
}

// An Error is a call that failed. It holds neither cause nor address on purpose: both
// would tell of networks that the caller does not see.
type Error struct{ Class Class }

func (e *Error) Error() string { return sentences[e.Class] }

// Timeout serves net.Error.
func (e *Error) Timeout() bool { return e.Class == ClassTimeout }

// Temporary serves net.Error.
func (e *Error) Temporary() bool { return e.Class != ClassRefused }

func fail(c Class) *Error { return &Error{Class: c} }
