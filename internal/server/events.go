package server

import (
	"regexp"
	"time"

	"outturn"
	"outturn/internal/reporting"
	"outturn/internal/scheduler"
	"outturn/internal/source"
)

const (
	// leastPoll is how often a data set may be asked for events.
	leastPoll = time.Second
)

// channelName is a name that PostgreSQL takes as it is, and has room for.
var channelName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

// newEvents makes what hears of events, and reports all that is wrong with the settings
// of it.
func newEvents(service *reporting.Service, c Config) (*scheduler.Events, error) {
	var faults []error
	for _, p := range c.Polls {
		if err := service.CheckPoll(p.Dataset); err != nil {
			faults = append(faults, outturn.Errorf(outturn.CodeInvalid, "--poll-events: %w", err))
		}
		if p.Every < leastPoll {
			faults = append(faults, outturn.Errorf(outturn.CodeInvalid, "--poll-events: %s can be asked every %s at most, not every %s.", outturn.Shown(p.Dataset), leastPoll, p.Every))
		}
	}
	config := scheduler.EventsConfig{Reporting: service, Polls: c.Polls, Channel: c.Channel, Log: c.Log}
	if c.Channel != "" {
		notifier, ok := c.Source.(source.Notifier)
		if !ok {
			faults = append(faults, outturn.Errorf(outturn.CodeInvalid, "--listen-channel: only a source in PostgreSQL sends notifications."))
		}
		named := channelName.MatchString(c.Channel)
		if !named {
			faults = append(faults, outturn.Errorf(outturn.CodeInvalid, "--listen-channel: the name of a channel is 1 to 63 letters, digits and underscores, such as outturn."))
		}
		config.Source = notifier
		if ok && named && len(c.Polls) == 0 {
			c.Log.Warn("what is sent to the channel while the connection is lost is never heard of: --poll-events would find it", "channel", c.Channel)
		}
	}
	if err := outturn.JoinFaults(faults); err != nil {
		return nil, err
	}
	return scheduler.NewEvents(config)
}
