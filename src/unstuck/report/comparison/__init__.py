"""What a comparison came to: its table in four forms, its pictures, and a folder with all of them."""

from unstuck.report.comparison.folder import save as save
from unstuck.report.comparison.forms import aligned as aligned
from unstuck.report.comparison.forms import arms_csv as arms_csv
from unstuck.report.comparison.forms import as_json as as_json
from unstuck.report.comparison.forms import json_text as json_text
from unstuck.report.comparison.forms import markdown as markdown
from unstuck.report.comparison.forms import sentences as sentences
from unstuck.report.comparison.forms import terminal as terminal
from unstuck.report.comparison.forms import trainings_csv as trainings_csv
from unstuck.report.comparison.table import caption as caption
from unstuck.report.comparison.table import figures as figures
from unstuck.report.comparison.table import trainings as trainings
