package outturn

// A Reason says why a run failed, to the one who asked for it.
type Reason struct {
	Code    Code   `json:"code"`
	Message string `json:"message"` // whole sentences
	// Act is who has to do something before a retry can succeed.
	Act Actor `json:"act"`
	// Retry says that the same run may succeed later without anybody's doing.
	Retry bool `json:"retry"`
	// Correlation finds the run's lines in the log.
	Correlation string `json:"correlation"`
}

// An Actor is who must do something about a failure.
type Actor string

const (
	ActorUser     Actor = "user"     // who asked for the run
	ActorOperator Actor = "operator" // who runs Outturn and its source
	ActorNobody   Actor = "nobody"   // it passes by itself
)

// reasons says for each code that can end a run who must act and whether another
// attempt helps. What is not here is CodeInternal.
var reasons = map[Code]struct {
	act   Actor
	retry bool
}{
	CodeInvalid:            {ActorUser, false},
	CodeNotFound:           {ActorUser, false},
	CodeDatasetInvalid:     {ActorOperator, false},
	CodeSourceUnavailable:  {ActorNobody, true},
	CodeSourceRefused:      {ActorOperator, false},
	CodeQueryFailed:        {ActorOperator, false},
	CodeQueryTimeout:       {ActorUser, false},
	CodeMemoryLimit:        {ActorUser, false},
	CodeRowLimit:           {ActorUser, false},
	CodeStorageLimit:       {ActorUser, false},
	CodeDiskFull:           {ActorOperator, true},
	CodeStorageUnavailable: {ActorOperator, true},
	CodeWorkerLost:         {ActorOperator, false},
	CodeInternal:           {ActorOperator, false},
}

// NewReason makes the reason of a run that failed with err. A fault of Outturn
// itself is not shown; correlation leads the operator to it in the log.
func NewReason(err error, correlation string) Reason {
	code := ErrorCode(err)
	how, known := reasons[code]
	if !known {
		code, how = CodeInternal, reasons[CodeInternal]
	}
	r := Reason{Code: code, Message: err.Error(), Act: how.act, Retry: how.retry, Correlation: correlation}
	if code == CodeInternal {
		r.Message = "Internal error. The operator finds it in the log under " + correlation + "."
	}
	return r
}
