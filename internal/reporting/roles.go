package reporting

import (
	"context"
	"fmt"
	"slices"

	"outturn"
)

// An action is what a principal may be allowed to do. Its name stands in the audit.
type action string

const (
	runCreate  action = "run.create"
	runRead    action = "run.read"
	runList    action = "run.list"
	runCancel  action = "run.cancel"
	runRetry   action = "run.retry"
	runDelete  action = "run.delete"
	runPreview action = "run.preview"

	datasetRead action = "dataset.read"

	viewCreate action = "view.create"
	viewRead   action = "view.read"
	viewUpdate action = "view.update"
	viewDelete action = "view.delete"

	generatorCreate   action = "generator.create"
	generatorRead     action = "generator.read"
	generatorList     action = "generator.list"
	generatorUpdate   action = "generator.update"
	generatorDelete   action = "generator.delete"
	generatorEnable   action = "generator.enable"
	generatorDisable  action = "generator.disable"
	generatorRun      action = "generator.run"
	generatorBackfill action = "generator.backfill"

	fileRead     action = "file.read"
	fileDownload action = "file.download"

	linkCreate   action = "link.create"
	linkRevoke   action = "link.revoke"
	linksEnd     action = "link.revoke_all" // those to one file
	linkDownload action = "link.download"   // whoever has the link may

	tenantCreate  action = "tenant.create"
	tenantRead    action = "tenant.read"
	tenantUpdate  action = "tenant.update"
	tenantMove    action = "tenant.move"
	tenantSuspend action = "tenant.suspend"
	tenantResume  action = "tenant.resume"
	tenantDelete  action = "tenant.delete"
	tenantRestore action = "tenant.restore"
	tenantSync    action = "tenant.sync"

	usageRead action = "usage.read"

	webhookCreate action = "webhook.create"
	webhookRead   action = "webhook.read"
	webhookUpdate action = "webhook.update"
	webhookRotate action = "webhook.rotate"
	webhookTest   action = "webhook.test"
	webhookDelete action = "webhook.delete"

	deliveryRead   action = "delivery.read"
	deliveryResend action = "delivery.resend"

	clientCreate action = "client.create"
	clientRead   action = "client.read"
	clientRevoke action = "client.revoke"
	clientRotate action = "client.rotate"

	tokenIssue action = "token.issue" // package auth decides it; a suspension is told here

	eventCreate action = "event.create"

	auditRead   action = "audit.read"
	auditExport action = "audit.export" // as a report, its preview, and the files of one
)

// allowed says which role may do what, within its tenant and those below it. What
// is not here nobody may do.
var allowed = map[action]struct{ operator, admin, manager, viewer bool }{
	//                 operator admin  manager viewer
	runCreate:         {true, true, true, false},
	runRead:           {true, true, true, true},
	runList:           {true, true, true, true},
	runCancel:         {true, true, true, false},
	runRetry:          {true, true, true, false},
	runDelete:         {true, true, true, false},
	runPreview:        {true, true, true, true},
	datasetRead:       {true, true, true, true},
	viewCreate:        {true, true, true, false},
	viewRead:          {true, true, true, true},
	viewUpdate:        {true, true, true, false},
	viewDelete:        {true, true, true, false},
	generatorCreate:   {true, true, true, false},
	generatorRead:     {true, true, true, true},
	generatorList:     {true, true, true, true},
	generatorUpdate:   {true, true, true, false},
	generatorDelete:   {true, true, true, false},
	generatorEnable:   {true, true, true, false},
	generatorDisable:  {true, true, true, false},
	generatorRun:      {true, true, true, false},
	generatorBackfill: {true, true, true, false},
	fileRead:          {true, true, true, true},
	fileDownload:      {true, true, true, true},
	linkCreate:        {true, true, true, false},
	linkRevoke:        {true, true, true, false},
	linksEnd:          {true, true, true, false},
	tenantCreate:      {true, true, false, false},
	tenantRead:        {true, true, true, true},
	tenantUpdate:      {true, true, false, false},
	tenantMove:        {true, true, false, false},
	tenantSuspend:     {true, true, false, false},
	tenantResume:      {true, true, false, false},
	tenantDelete:      {true, true, false, false},
	tenantRestore:     {true, true, false, false},
	tenantSync:        {true, false, false, false},
	usageRead:         {true, true, true, true},
	webhookCreate:     {true, true, true, false},
	webhookRead:       {true, true, true, true},
	webhookUpdate:     {true, true, true, false},
	webhookRotate:     {true, true, true, false},
	webhookTest:       {true, true, true, false},
	webhookDelete:     {true, true, true, false},
	deliveryRead:      {true, true, true, true},
	deliveryResend:    {true, true, true, false},
	clientCreate:      {true, true, false, false},
	clientRead:        {true, true, false, false},
	clientRevoke:      {true, true, false, false},
	clientRotate:      {true, true, false, false},
	eventCreate:       {true, true, true, false},
	auditRead:         {true, true, false, false},
	auditExport:       {true, true, false, false},
}

// may says whether a role may do a.
func (a action) may(role outturn.Role) bool {
	row := allowed[a]
	switch role {
	case outturn.RoleOperator:
		return row.operator
	case outturn.RoleAdmin:
		return row.admin
	case outturn.RoleManager:
		return row.manager
	case outturn.RoleViewer:
		return row.viewer
	}
	return false
}

// permit is what every method calls first: may p do a, with object? It notes each
// refusal. What p does not see is CodeNotFound all the same, whatever its role, so
// that a refusal never tells that something is there (P36). Whoever's
// tenant is suspended may do nothing.
func (s *Service) permit(ctx context.Context, p outturn.Principal, a action, object string) error {
	if p.Subject == "" || p.Tenant == "" {
		return outturn.Errorf(outturn.CodeUnauthenticated, "Nobody is signed in.")
	}
	if err := s.stands(ctx, p, a, object); err != nil {
		return err
	}
	if slices.ContainsFunc(p.Roles, a.may) {
		return nil
	}
	if err := s.sees(ctx, p, a, object); outturn.ErrorCode(err) == outturn.CodeNotFound {
		return err
	}
	return s.refuse(ctx, p, a, object, outturn.Errorf(outturn.CodeForbidden, "Your role does not allow this (%s). %s", a, whoMay(a)))
}

// sees looks up what a would be done to.
func (s *Service) sees(ctx context.Context, p outturn.Principal, a action, object string) (err error) {
	if object == "" {
		return nil
	}
	switch a {
	case runCreate, runList, runPreview, viewCreate, generatorCreate, generatorList, tenantCreate, clientCreate, usageRead, webhookCreate:
		_, err = s.tenantOf(ctx, p, object)
	case runRead, runCancel, runRetry, runDelete:
		_, err = s.ledger.Run(ctx, p.Tenant, object)
	case viewRead, viewUpdate, viewDelete:
		_, err = s.ledger.View(ctx, p.Tenant, object)
	case generatorRead, generatorUpdate, generatorDelete, generatorEnable, generatorDisable, generatorRun, generatorBackfill:
		_, err = s.ledger.Generator(ctx, p.Tenant, object)
	case webhookRead, webhookUpdate, webhookRotate, webhookTest, webhookDelete:
		_, err = s.ledger.Webhook(ctx, p.Tenant, object)
	case deliveryRead, deliveryResend:
		_, err = s.ledger.Delivery(ctx, p.Tenant, object)
	case fileRead, fileDownload, linkCreate, linksEnd:
		_, err = s.ledger.File(ctx, p.Tenant, object)
	case linkRevoke:
		_, err = s.ledger.Link(ctx, p.Tenant, object)
	case tenantRestore:
		_, err = s.deletedTenant(ctx, p, object)
	case tenantRead, tenantUpdate, tenantMove, tenantSuspend, tenantResume, tenantDelete:
		_, err = s.ledger.Tenant(ctx, p.Tenant, object)
	case clientRead, clientRevoke, clientRotate:
		_, err = s.ledger.ClientOf(ctx, p.Tenant, object)
	}
	return err
}

// refuse notes that p was not allowed to do a, and returns why.
func (s *Service) refuse(ctx context.Context, p outturn.Principal, a action, object string, why *outturn.Error) error {
	if len(object) > outturn.IDLength {
		object = ""
	}
	entry := s.entry(p, a, p.Tenant, object, nil)
	entry.Outcome = string(why.Code)
	if err := s.ledger.Audit(context.WithoutCancel(ctx), entry); err != nil {
		return fmt.Errorf("audit a refusal: %w", err)
	}
	return why
}

func whoMay(a action) string {
	for _, role := range slices.Backward(outturn.Roles) { // the least first
		if a.may(role) {
			return "It takes a client with the role " + string(role) + "."
		}
	}
	return "No role allows it."
}

// mayGive says whether p may hand out, or take away, a role: none above its own.
func mayGive(p outturn.Principal, role outturn.Role) bool {
	given := slices.Index(outturn.Roles, role)
	return given >= 0 && slices.ContainsFunc(p.Roles, func(own outturn.Role) bool {
		have := slices.Index(outturn.Roles, own)
		return have >= 0 && have <= given
	})
}
